import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson } from '../../src/client.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, type LabHost } from '../../src/lab/network.ts'
import { fdb } from '../../src/lab/views.ts'
import { formatMac } from '../../src/values/mac.ts'
import { decodeState } from '../support/state.ts'
import { Tormented } from '../support/tormented.ts'

const KILLS = Number(process.env['KILLS'] ?? 50)
const SEED = Number(process.env['SEED'] ?? 1)
/** Two machines are tormented side by side. */
const MACHINES = 2
const PORTS = 6
const NETWORKS = ['net1', 'net2', 'a network with a longer name']

let lab: Lab
let reflector: LabHost

beforeAll(async () => {
  lab = new Lab()
  reflector = await addReflector(lab, '10.77.0.1')
})

afterAll(() => lab.close())

async function addPorts({ namespace }: LabHost): Promise<void> {
  for (let port = 1; port <= PORTS; port++) {
    const names = ['tap', 'far'].map((end) => `${end}${port}`) as [string, string]
    await run('ip', '-n', namespace, 'link', 'add', names[0], 'type', 'veth', 'peer', 'name', names[1])
    await run('ip', '-n', namespace, 'link', 'set', names[0], 'up')
  }
}

/** Kernel, state file and API hold what the agent wants, and nothing else. */
async function expectTruth(
  host: LabHost,
  wanted: ReadonlyMap<number, string | null>,
  { api }: LabDaemon,
  when: string,
): Promise<void> {
  const networks = new Set([...wanted.values()].filter((network) => network !== null))
  await lab.eventually(`what its agent wants is held by ${when}`, async () => {
    const seen = await kernel(host)
    const due = dueOf(wanted, seen.suffixes)
    return JSON.stringify(seen.entries) === JSON.stringify(due)
      ? { value: seen }
      : { seen: `${JSON.stringify(seen.entries)} instead of ${JSON.stringify(due)}` }
  })
  await lab.eventually('nothing is on its way any more', async () => {
    const { pending, instances } = decodeState(
      readFileSync(join(lab.directory, `${host.name}.state`), 'utf8'),
    )
    const clean = pending.length === 0 && instances.length === networks.size
    const numbers = instances.flatMap(({ rdNumber }) => rdNumber)
    const labels = instances.flatMap(({ attachments }) => attachments.map(({ label }) => label))
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(new Set(labels).size).toBe(labels.length)
    return clean ? { value: true } : { seen: JSON.stringify({ pending, instances: instances.length }) }
  })
  const shown = await fetchJson<unknown[]>(api, '/looking-glass/vpns/instances')
  expect(shown).toHaveLength(networks.size)
}

/** What is in the kernel: our devices, the ports in them, the MAC addresses behind those. */
async function kernel(host: LabHost): Promise<{ entries: string[]; suffixes: Map<string, string> }> {
  const links = JSON.parse(await run('ip', '-n', host.namespace, '-json', 'link')) as {
    ifname: string
    ifalias?: string
    master?: string
  }[]
  const suffixes = new Map<string, string>()
  const entries: string[] = []
  for (const { ifname, ifalias, master } of links) {
    if (ifalias?.startsWith('chanter:') && ifname.startsWith('evpn---'))
      suffixes.set(ifalias.slice('chanter:'.length), ifname.slice('evpn---'.length))
    if (/^(evpn---|vxlan--)/.test(ifname)) entries.push(`link ${ifname}`)
    if (master !== undefined) entries.push(`${ifname} in ${master}`)
  }
  for (const { mac, ifname, flags } of await fdb(host)) {
    if (flags.includes('extern_learn') && ifname.startsWith('tap')) entries.push(`${mac} on ${ifname}`)
  }
  return { entries: entries.sort(), suffixes }
}

function dueOf(wanted: ReadonlyMap<number, string | null>, suffixes: ReadonlyMap<string, string>): string[] {
  const due: string[] = []
  const networks = new Set<string>()
  for (const [port, network] of wanted) {
    if (network === null) continue
    networks.add(network)
    due.push(`tap${port} in evpn---${suffixes.get(network)}`, `${macOf(port)} on tap${port}`)
  }
  for (const network of networks) {
    const suffix = suffixes.get(network)
    due.push(`link evpn---${suffix}`, `link vxlan--${suffix}`, `vxlan--${suffix} in evpn---${suffix}`)
  }
  return due.sort()
}

const macOf = (port: number): string => formatMac(0x020000000100 + port)

test(`${KILLS} kills at random moments under load: kernel and state match the answers to the agent each time`, async () => {
  const machines = await Promise.all(
    Array.from({ length: MACHINES }, async (_, i) => {
      const host = await addNode(lab, reflector, `node${i + 1}`, `10.77.0.${11 + i}`)
      await addPorts(host)
      return new Tormented({
        lab,
        host,
        seed: SEED + i,
        ports: PORTS,
        networks: NETWORKS,
        settings: { BGP: { my_as: 64512, hold_time: 3 } },
        longest: 120,
        requests: (port, network) => [
          {
            vpn_instance_id: network,
            vpn_type: 'evpn',
            import_rt: ['64512:10'],
            export_rt: ['64512:10'],
            mac_address: macOf(port),
            ip_address: `192.168.10.${port}/24`,
            local_port: { linuxif: `tap${port}` },
          },
        ],
        expectTruth: (wanted, daemon, when) => expectTruth(host, wanted, daemon, when),
      })
    }),
  )
  await Promise.all(machines.map((machine) => machine.endure(KILLS / MACHINES)))
}, 900_000)
