import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchJson } from '../../src/client.ts'
import { CHANTER, type LabDaemon, startChanter, startChanterReflector } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { removeNamespace } from '../../src/lab/namespace.ts'
import { addNode, addReflector, type LabHost } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { session } from '../support/interop.ts'

/** The tools of Debian's python3-networking-bagpipe and ours of the same names, against one daemon of ours. */

const REFLECTOR = '10.77.0.1'
const DUMMY = { dataplane_driver: 'dummy' }
const REST_ATTACH = fileURLToPath(new URL('../support/bagpipe-rest-attach.py', import.meta.url))
const ours = (name: string) => join(dirname(CHANTER), name)

let lab: Lab
let host: LabHost
let daemon: LabDaemon
let config: string

interface Printed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

beforeAll(async () => {
  lab = new Lab()
  const reflector = await addReflector(lab, REFLECTOR)
  await startChanterReflector(lab, reflector, AS)
  host = await addNode(lab, reflector, 'node1', '10.77.0.11')
  for (const tap of ['tapc1', 'tapc2', 'to_here'])
    await run('ip', '-n', host.namespace, 'tuntap', 'add', 'dev', tap, 'mode', 'tap')
  daemon = await startChanter(lab, host, {
    BGP: { peers: REFLECTOR, my_as: AS },
    DATAPLANE_DRIVER_EVPN: DUMMY,
    DATAPLANE_DRIVER_IPVPN: DUMMY,
  })
  await session(lab, daemon, REFLECTOR, true)
  config = join(lab.directory, 'tools.conf')
  writeFileSync(config, '[COMMON]\nroot_helper = env\n')
})

afterAll(() => {
  removeNamespace(netns())
  lab.close()
})

/** The namespace that a tool makes. */
const netns = () => `${lab.name}-tools`
/** The words of a line of options. */
const wordsOf = (line: string) => line.replace('NETNS', netns()).split(' ').filter(Boolean)

/** Runs a program on the node to its end, whatever its exit code. */
function start(...words: readonly string[]): Promise<Printed> {
  return new Promise((resolve) => {
    const command = [`--net=/run/netns/${host.namespace}`, ...words]
    execFile('nsenter', command, { maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

/** Debian's, which is broken without the help of a script. */
const theirAttach = (...words: readonly string[]) => start('/usr/bin/python3', REST_ATTACH, config, ...words)
const ourAttach = (...words: readonly string[]) => start(ours('bagpipe-rest-attach'), ...words)

/** Times of a session are the seconds in which they are asked for. */
const timeless = ({ code, stdout, stderr }: Printed): Printed => ({
  code,
  stdout: stdout.replaceAll(/(received|sent): \n( +\w+: \d+\n)+/g, ''),
  stderr,
})

const EVPN =
  '--network-type evpn --vpn-instance-id clinet1 --port tapc1 --mac 02:00:00:00:0c:01 --ip 192.168.77.1 --rt 64512:77 --vni 77'
const ATTACHMENTS = [
  EVPN,
  '--network-type ipvpn --port tapc2 --ip 192.168.79.1/24 --import-rt 64512:80 --export-rt 64512:81',
  '--network-type ipvpn --vpn-instance-id clirv --port to_here --ip 192.168.80.1/24 --rt 64512:82 --readv-from-rt 64512:81 --readv-to-rt 64512:83 --local-pref 50',
  '--network-type ipvpn --vpn-instance-id clie2i --port evpn:clinet1 --ip 192.168.77.254/24 --rt 64512:90 --lb-consistent-hash-order 3 --gateway-ip 192.168.77.254',
  '--network-type evpn --vpn-instance-id clinet2 --port netns --netns NETNS --ip 192.168.78.1/24 --rt 64512:78 --mac 02:00:00:00:0c:02',
  '--network-type ipvpn --vpn-instance-id to-port --port tapc2 --ip 192.168.83.1/24 --advertise-subnet --direction to-port',
]

describe('bagpipe-rest-attach', () => {
  test.each(ATTACHMENTS)('--attach %s', async (line) => {
    const theirs = await theirAttach('--attach', ...wordsOf(line))
    expect(theirs).toMatchObject({ code: 0, stdout: expect.stringContaining("response: 200 b'null'\n") })
    expect(await ourAttach('--attach', ...wordsOf(line))).toEqual({ ...theirs, stderr: '' })
  })

  test.each([
    '--detach --network-type evpn --vpn-instance-id nowhere --port tapc1 --mac 02:00:00:00:0c:01 --ip 10.0.0.1',
    '--attach --network-type evpn --port tapc1 --mac 02:00:00:00:0c:01 --ip 10.0.0.1 --rt 1',
    '--attach --network-type evpn --port tapc1 --ip 10.0.0.1',
    '--n',
  ])('%s, refused', async (line) => {
    const theirs = await theirAttach(...wordsOf(line))
    expect(theirs.code).toBeGreaterThan(0)
    expect(await ourAttach(...wordsOf(line))).toEqual(theirs)
  })

  test('a namespace has its interface', async () => {
    const inside = ['-n', netns(), '-json', 'address', 'show', 'tovpn']
    const [link] = JSON.parse((await start('ip', ...inside)).stdout)
    expect(link).toMatchObject({ address: '02:00:00:00:0c:02', mtu: 1420, operstate: 'UP' })
    expect(link.addr_info[0]).toMatchObject({ local: '192.168.78.1', prefixlen: 24 })
  })

  test.each(['--attach --ovs-bridge br-mpls --ovs-vlan 31', '--detach'])(
    '%s --ovs-preplug puts the port into the bridge first',
    async (line) => {
      const calls = join(lab.directory, 'ovs-vsctl.calls')
      const bin = join(lab.directory, 'bin')
      mkdirSync(bin, { recursive: true })
      // a port that is in no bridge yet cannot be removed from it
      const script = `#!/bin/sh\necho "$@" >>${calls}\n[ "$1" != del-port ]\n`
      writeFileSync(join(bin, 'ovs-vsctl'), script, { mode: 0o755 })
      const words =
        `${line} --ovs-preplug --network-type ipvpn --vpn-instance-id ovs --port tapc1 --ip 192.168.84.1/24`.split(
          ' ',
        )
      const path = process.env['PATH']
      const results = []
      for (const tool of [theirAttach, ourAttach]) {
        writeFileSync(calls, '')
        process.env['PATH'] = `${bin}:${path}`
        const { code, stdout } = await tool(...words)
        process.env['PATH'] = path
        results.push({ code, stdout, calls: readFileSync(calls, 'utf8') })
      }
      const [theirs, mine] = results
      expect(theirs).toMatchObject({ code: 0, stdout: expect.stringContaining("response: 200 b'null'\n") })
      expect(theirs!.stdout).toContain('"plugged": true')
      expect(theirs!.calls).toMatch(/^del-port (\S+) tapc1\nadd-port \1 tapc1\n$/)
      expect(mine).toEqual(theirs)
    },
  )

  test('has every option', async () => {
    const names = ({ stdout }: Printed) => [...new Set(stdout.match(/(?<=^ +(-\w, )?)--[\w-]+/gm))].sort()
    expect(names(await ourAttach('--help'))).toEqual(names(await theirAttach('--help')))
  })
})

describe('bagpipe-looking-glass', () => {
  const both = async (...words: readonly string[]) => [
    timeless(await start('/usr/bin/bagpipe-looking-glass', ...words)),
    timeless(await start(ours('bagpipe-looking-glass'), ...words)),
  ]

  test('shows every node of the tree alike', async () => {
    const [theirs, mine] = await both('-r')
    expect(theirs!.stdout.split('\n').length).toBeGreaterThan(300)
    expect(mine).toEqual(theirs)
  })

  test.each([
    '',
    'bgp routes',
    'vpns instances',
    'vpns instances clinet1 gateway_port ipvpn',
    'vpns instances nope',
    'vpns/instances/clinet2 route_targets',
    'vpns/nope',
    '-r vpns instances clinet2',
    '--server 10.77.0.11 bgp peers 10.77.0.1 protocol',
    '--prefix nope',
    '-x',
  ])('%s', async (line) => {
    const [theirs, mine] = await both(...wordsOf(line))
    expect(mine).toEqual(theirs)
  })

  test('names a server that does not answer', async () => {
    const [theirs, mine] = await both('--port', '2')
    const begin = 'No server at http://127.0.0.1:2 : '
    for (const one of [theirs, mine])
      expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining(begin), stderr: '' })
  })
})

test('bagpipe-impex2dot draws the same graph', async () => {
  const lines = ({ stdout }: Printed) => stdout.split('\n').sort()
  for (const words of [[], ['--server', '127.0.0.1', '--server', '10.77.0.11']]) {
    const theirs = await start('/usr/bin/bagpipe-impex2dot', ...words)
    const mine = await start(ours('bagpipe-impex2dot'), ...words)
    expect(theirs).toMatchObject({ code: 0, stderr: '' })
    expect(lines(mine)).toEqual(lines(theirs))
    expect(theirs.stdout).toContain('clinet1 -> vpn_')
    expect(theirs.stdout).toContain('dest_')
  }
})

test('bagpipe-rest-attach detaches all of it', async () => {
  const order = [...ATTACHMENTS].reverse()
  for (const [i, line] of order.entries()) {
    const detach = i === 0 ? theirAttach : ourAttach
    const { code, stdout } = await detach('--detach', ...wordsOf(line))
    expect([code, stdout]).toEqual([0, expect.stringContaining("response: 200 b'null'\n")])
  }
  expect(await fetchJson(daemon.api, '/looking-glass/vpns/instances')).toEqual([])
})
