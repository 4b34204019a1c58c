import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanterReflector } from '../../src/lab/chanter.ts'
import type { LabHost } from '../../src/lab/network.ts'
import {
  type AgentAnswer,
  BagpipeAgent,
  type BgpVpn,
  expectGranted,
  uuidOf,
} from '../support/bagpipe-agent.ts'
import { session, updatesSent } from '../support/interop.ts'
import { AS, Fleet } from './fleet.ts'
import { addVeth, ip, runIn } from './network.ts'

/** Two networks with a VM each, which the one BGPVPN connects. */
const NETWORKS = [1, 2] as const
type Network = (typeof NETWORKS)[number]
const VPN: BgpVpn = { id: 'vpn', type: 'l3', route_targets: ['64512:300'] }

const macOf = (n: Network) => `02:00:00:00:01:0${n}`
const addressOf = (n: Network) => `192.168.${n}0.11`
const gatewayOf = (n: Network) => `192.168.${n}0.1`

let fleet: Fleet
let host: LabHost
let daemon: LabDaemon
let agent: BagpipeAgent
const vms: string[] = []

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  host = fleet.addHost('node1', 11)
  for (const n of NETWORKS) addVm(n)
  await startChanterReflector(fleet.lab, fleet.reflector, AS)
  await start()
  agent = new BagpipeAgent('linuxbridge', daemon)
  for (const n of NETWORKS) await agent.ask('network', { id: `net${n}`, vni: 100 + n, gateway: gatewayOf(n) })
  await agent.sees(fleet.lab, 'UP')
})

afterAll(() => {
  agent.stop()
  fleet.lab.close()
})

/** With the bridge that a Linux bridge agent makes for its network; a delay would end by a message of the kernel. */
function addVm(n: Network): void {
  const [tap, bridge] = [`tap${uuidOf(`port${n}`).slice(0, 11)}`, `brq${uuidOf(`net${n}`).slice(0, 11)}`]
  const vm = fleet.lab.addNamespace(`vm${n}`)
  addVeth([host.namespace, tap], [vm, 'eth0'])
  ip(host.namespace, `link add ${bridge} up type bridge forward_delay 0`, `link set ${tap} master ${bridge}`)
  ip(vm, `link set eth0 address ${macOf(n)}`, `address add ${addressOf(n)}/24 dev eth0`)
  ip(vm, `route add default via ${gatewayOf(n)}`)
  vms.push(vm)
}

async function start(): Promise<void> {
  daemon = await fleet.startDaemon(host, [fleet.reflector])
  await session(fleet.lab, daemon, fleet.reflector.address, true)
}

const makePort = (n: Network) =>
  agent.ask('port', { id: `port${n}`, network: `net${n}`, mac: macOf(n), ip: addressOf(n) })
const associate = (n: Network, event = 'created') =>
  agent.ask('associate_network', { id: `assoc${n}`, network: `net${n}`, vpn: VPN, event })

/** All that the agent has to say again, to a daemon that is new or not. */
const ENDPOINTS = NETWORKS.flatMap((n) =>
  ['evpn', 'ipvpn'].map((type) => `${type}_${uuidOf(`net${n}`)} ${macOf(n)}`),
).sort()

const endpointsOf = (calls: AgentAnswer['calls']) =>
  calls.map(({ body }) => `${body['vpn_instance_id']} ${body['mac_address']}`)

const ping = () => fleet.lab.exec(vms[0]!, 'ping', '-c', '1', '-W', '1', addressOf(2))
const reaches = () => fleet.lab.eventually('the VMs reach each other', async () => ({ value: await ping() }))

const FORWARDING = [
  'ip -br link',
  'ip route show table all proto 19',
  'ip -f mpls route',
  'ip neigh show nud permanent',
]
const forwarding = () => FORWARDING.map((command) => runIn(host.namespace, command)).join('')

/** Network devices of the IP VPNs. */
const devices = () => runIn(host.namespace, 'ip -br link').match(/^(bvrf-|vrf2e|e2vrf|vxlan)\S*/gm) ?? []

/** What the reflector has, with labels and route distinguishers. */
async function advertised(): Promise<string[]> {
  const api = { host: fleet.reflector.address, port: daemon.api.port }
  const routes = await fetchJson<Record<string, Record<string, unknown>[]>>(api, '/looking-glass/bgp/routes')
  return Object.values(routes)
    .flatMap((list) => list.flatMap((one) => Object.keys(one)))
    .sort()
}

/** What the kernel tells of the node's devices, addresses and routes while something happens. */
async function kernelReports(what: string, happening: () => Promise<void>): Promise<string> {
  const monitor = fleet.lab.start(host.namespace, what, 'ip', '-o', 'monitor', 'link', 'address', 'route')
  const witness = (name: string) =>
    fleet.lab.eventually(`the monitor tells of ${name}`, async () => {
      ip(host.namespace, `link add ${name} type dummy`, `link del ${name}`)
      const output = monitor.tail(100_000)
      return output.includes(name) ? { value: output } : { seen: output }
    })
  await witness('witness1')
  await happening()
  const output = await witness('witness2')
  await monitor.stop()
  // the monitor lists the links first, while the first witness may come and go
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.includes('witness') && !line.startsWith('Dump was interrupted'))
    .join('\n')
}

test('the two extensions attach ports to the EVPN instance of their network, and that to an IP VPN', async () => {
  for (const n of NETWORKS) await makePort(n)
  const calls: AgentAnswer['calls'][number][] = []
  for (const n of NETWORKS) calls.push(...(await associate(n)).calls)
  expect(endpointsOf(calls).sort()).toEqual(ENDPOINTS)
  await reaches()
  await fleet.lab.eventually('no IPv6 address waits for others to object', async () => {
    const waiting = runIn(host.namespace, 'ip -6 address show tentative')
    return waiting === '' ? { value: waiting } : { seen: waiting }
  })
  for (const table of [1001, 1002]) {
    const routes = runIn(host.namespace, `ip route show table ${table}`)
    for (const n of NETWORKS) expect(routes).toContain(`${addressOf(n)} dev vrf2e--`)
  }
  const routes = (await advertised()).filter((route) => /^\d/.test(route))
  expect(routes).toEqual(
    NETWORKS.map((n) => expect.stringMatching(`^${addressOf(n)}/32 label \\d+ next-hop ${host.address} rd `)),
  )
})

test('what it says again of ports and associations changes nothing', async () => {
  const before = { updates: await updatesSent(daemon, fleet.reflector.address), forwarding: forwarding() }
  const reported = await kernelReports('refresh', async () => {
    for (const n of NETWORKS) {
      await makePort(n)
      await associate(n, 'updated')
    }
  })
  expect(reported).toBe('')
  expect({ updates: await updatesSent(daemon, fleet.reflector.address), forwarding: forwarding() }).toEqual(
    before,
  )
})

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'after %s of the daemon it attaches everything again, and the node goes on with the same routes and labels',
  async (signal) => {
    const before = { forwarding: forwarding(), advertised: await advertised() }
    const { body: number } = await request(daemon.api, '/ping')
    const again = new Set<string>()
    const reported = await kernelReports(signal, async () => {
      await daemon.process.stop(signal)
      await start()
      await fleet.lab.eventually('the agent has attached everything again', async () => {
        const { calls, status } = await agent.order('look')
        expectGranted(calls.filter((call) => call.status !== 0))
        for (const endpoint of endpointsOf(calls)) again.add(endpoint)
        return status === 'UP' && again.size === ENDPOINTS.length
          ? { value: status }
          : { seen: `${status} ${[...again].join('; ')}` }
      })
      await fleet.lab.eventually('the reflector has the routes as before', async () => {
        const routes = await advertised()
        return `${routes}` === `${before.advertised}` ? { value: routes } : { seen: routes.join('; ') }
      })
    })
    expect([...again].sort()).toEqual(ENDPOINTS)
    expect((await request(daemon.api, '/ping')).body).not.toBe(number)
    expect(reported).toBe('')
    expect(forwarding()).toBe(before.forwarding)
    await reaches()
  },
)

test('a network that is dissociated is reached no more, and is again with a new association', async () => {
  const { calls } = await associate(2, 'deleted')
  expect(calls.map(({ action, body }) => [action, body['vpn_type']])).toContainEqual([
    'detach_localport',
    'ipvpn',
  ])
  await fleet.lab.eventually('only the VRF of the other network is left', async () => {
    const left = devices().filter((name) => /^bvrf-[^0]/.test(name))
    return left.length === 1 ? { value: left } : { seen: left.join() }
  })
  await expect(ping()).rejects.toThrow()
  await associate(2)
  await reaches()
})

test('nothing is left of ports that it deletes', async () => {
  for (const n of NETWORKS) {
    const { calls } = await agent.ask('delete_port', { id: `port${n}` })
    // each extension detaches the port from the EVPN instance
    expect([...new Set(endpointsOf(calls))].sort()).toEqual(ENDPOINTS.filter((one) => one.endsWith(macOf(n))))
  }
  await fleet.lab.eventually('the devices are gone', async () => {
    const left = devices()
    return left.length === 0 ? { value: left } : { seen: left.join() }
  })
  expect(runIn(host.namespace, 'ip -f mpls route')).toBe('')
  await fleet.lab.eventually('the reflector has no routes', async () => {
    const routes = await advertised()
    return routes.length === 0 ? { value: routes } : { seen: routes.join('; ') }
  })
})
