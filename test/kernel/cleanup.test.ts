import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ALIAS_PREFIX, type Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { chanter } from '../support/cli.ts'
import { encodeState, stateOf } from '../support/state.ts'
import { iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

/** External entries on this machine, some of them beside ours. */
const THEIRS = `
ip link add theirs up type bridge
ip link add br-ext up type bridge
ip tuntap add tap1 mode tap
ip tuntap add tap2 mode tap
ip tuntap add tap3 mode tap
ip tuntap add tap4 mode tap
ip link set tap2 master br-ext
ip link set tap3 master theirs
ip link set tap4 master br-ext
ip link set tap4 alias not-chanter:net1
ip link add vx-ext up type vxlan id 300 local 192.0.2.1 dstport 4790 nolearning
ip link set vx-ext master br-ext
ip link add vx-theirs up type vxlan id 400 local 192.0.2.1 dstport 4791 nolearning
ip link set vx-theirs master theirs
bridge fdb replace 02:00:00:00:77:01 dev tap2 master static
bridge fdb replace 02:00:00:00:77:02 dev tap4 master static extern_learn
bridge fdb replace 02:00:00:00:77:03 dev vx-ext dst 192.0.2.77 self static
bridge fdb replace 02:00:00:00:77:04 dev vx-theirs dst 192.0.2.77 self master static extern_learn
bridge fdb append 00:00:00:00:00:00 dev vx-theirs dst 192.0.2.77 self permanent extern_learn
ip neigh replace 10.0.0.77 lladdr 02:00:00:00:77:01 dev br-ext nud permanent
ip neigh replace 10.0.0.78 lladdr 02:00:00:00:77:01 dev br-ext nud permanent extern_learn
ip neigh replace 10.0.0.77 lladdr 02:00:00:00:77:04 dev theirs nud noarp extern_learn`
  .trim()
  .split('\n')

/** Owned entries, on owned devices and on external ones. */
const ours: Entry[] = [
  ...e.network,
  e.local(1),
  e.flood('192.0.2.2'),
  e.remote(2),
  e.neighbour('10.0.0.2', 2),
  e.local(5, 'tap2'),
  { ...e.remote(6, '192.0.2.2', 300), device: 'vx-ext' },
  { ...e.flood('192.0.2.2', 300), device: 'vx-ext' },
  { ...e.neighbour('10.0.0.6', 6), device: 'br-ext' },
]

const state = stateOf(
  {
    id: 'net2',
    vni: 300,
    devices: { bridge: 'br-ext', externalBridge: true, vxlan: 'vx-ext', externalVxlan: true },
  },
  { mac: e.mac(5), port: 'tap2' },
)

let lab: Lab
let directory: string
let file: string
let before: unknown

beforeEach(async () => {
  lab = linuxLab()
  for (const command of THEIRS) run(command)
  before = everything()
  directory = mkdtempSync(join(tmpdir(), 'chanter-'))
  file = join(directory, 'state')
  const reconciler = lab.restart()
  for (const entry of ours) reconciler.want(entry)
  expect(await reconciler.settled(ours)).toEqual([])
  reconciler.stop()
  writeFileSync(file, encodeState(state))
  writeFileSync(`${file}.previous`, 'an older one')
})

afterEach(() => {
  lab.close()
  rmSync(directory, { recursive: true })
})

/** The kernel's own doing. */
const MULTICAST = /^(33:33|01:00:5e)/
const MULTICAST_IP = /^(ff0|224)/

/** All links, entries and neighbours of this namespace but what the kernel makes of itself. */
function everything(): unknown {
  return iproute.links().map(({ ifname, ifalias, master, flags, linkinfo }) => ({
    ifname,
    ifalias,
    master,
    up: flags.includes('UP'),
    kind: linkinfo?.info_kind,
    fdb: iproute.fdb(ifname).filter(({ mac }) => !MULTICAST.test(mac)),
    neighbours: iproute.neighbours(ifname).filter(({ dst }) => ifname !== 'lo' && !MULTICAST_IP.test(dst)),
  }))
}

const clean = (...args: readonly string[]) => chanter('cleanup', '--state-file', file, ...args)

describe('chanter cleanup', () => {
  test('removes what is ours and leaves the rest as it was before us', async () => {
    expect(everything()).not.toEqual(before)
    const { output, error, exitCode } = await clean()
    expect({ error, exitCode }).toEqual({ error: undefined, exitCode: undefined })
    expect(everything()).toEqual(before)
    expect(readdirSync(directory)).toEqual([])
    const lines = output.trimEnd().split('\n')
    // in the order in which the kernel lists them
    expect(lines.slice(0, 4).sort()).toEqual([
      'removed flood to 192.0.2.2 vni 300 on vx-ext',
      'removed local-mac 02:00:00:00:00:05 on tap2',
      'removed neighbour 10.0.0.6 on br-ext',
      'removed remote-mac 02:00:00:00:00:06 on vx-ext',
    ])
    expect(lines.slice(4)).toEqual([
      'removed port tap1 of br0',
      'removed vxlan vx0 (chanter:net1)',
      'removed bridge br0 (chanter:net1)',
      `removed file ${file}`,
      `removed file ${file}.previous`,
      '9 things removed, 0 kept',
    ])
    expect((await clean()).output).toBe('nothing of chanter or bagpipe-bgp is here\n')
  })

  test('--dry-run prints the same and removes nothing', async () => {
    const full = everything()
    const { output } = await clean('--dry-run')
    expect(output).toContain('would remove remote-mac 02:00:00:00:00:06 on vx-ext\n')
    expect(output).toContain('9 things to remove, 0 kept\n')
    expect(everything()).toEqual(full)
    expect(readdirSync(directory)).toEqual(['state', 'state.previous'])
  })

  test('refuses while a daemon answers, unless it is forced', async () => {
    const server = createServer((_request, response) => response.end('1'))
    await new Promise<void>((resolve) => server.listen(8082, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const full = everything()
    const { error } = await clean()
    expect(error).toMatch(/^a daemon runs here: http:\/\/127\.0\.0\.1:8082\/ answers\. Stop it first/)
    expect(everything()).toEqual(full)
    expect((await clean('--force')).error).toBeUndefined()
    expect(everything()).toEqual(before)
  })

  test('of a state of another network namespace, takes neither the file nor its word', async () => {
    const [boot] = state.kernel.split('/')
    writeFileSync(file, encodeState({ ...state, kernel: `${boot}/1` }))
    const { output, exitCode } = await clean()
    expect(output).toContain(`kept file ${file}: it is of another network namespace`)
    expect(output).not.toContain('vx-ext')
    expect(exitCode).toBe(1)
    expect(iproute.links().filter(({ ifalias = '' }) => ifalias.startsWith(ALIAS_PREFIX))).toEqual([])
  })

  test('removes no device that is named as the state file', async () => {
    const device = join(directory, 'null')
    run(`mknod ${device} c 1 3`)
    const { error } = await chanter('cleanup', '--state-file', device)
    expect(error).toBe(`--state-file ${device}: it is no regular file`)
    expect(existsSync(device)).toBe(true)
  })

  test('without a state that can be read, goes by the marks of devices alone', async () => {
    writeFileSync(file, 'damaged')
    const { output } = await clean()
    expect(output).not.toContain('vx-ext')
    expect(output).toContain('removed bridge br0 (chanter:net1)')
    expect(readdirSync(directory)).toEqual([])
  })

  test('keeps the VTEPs of a VXLAN device with external VTEPs in its flood list', async () => {
    const flooded = () => iproute.fdb('vx-ext').filter(({ mac }) => mac === '00:00:00:00:00:00')
    run('bridge fdb del 00:00:00:00:00:00 dev vx-ext dst 192.0.2.2 vni 300 self')
    run('bridge fdb append 00:00:00:00:00:00 dev vx-ext dst 192.0.2.78 self permanent')
    run('bridge fdb append 00:00:00:00:00:00 dev vx-ext dst 192.0.2.2 vni 300 self permanent extern_learn')
    const listed = flooded()
    expect(listed).toHaveLength(2)
    await clean()
    expect(flooded()).toEqual(listed)
  })
})
