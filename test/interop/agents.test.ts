import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchJson } from '../../src/client.ts'
import {
  type DaemonSettings,
  type LabDaemon,
  startChanter,
  startChanterReflector,
} from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, type LabHost } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { BagpipeAgent, type BgpVpn, expectGranted, uuidOf } from '../support/bagpipe-agent.ts'
import { session } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const MACS = ['02:00:00:00:01:01', '02:00:00:00:01:02'] as const
const NET = uuidOf('net')
const L3: BgpVpn = { id: 'vpn-l3', type: 'l3', route_targets: ['64512:300'], export_targets: ['64512:301'] }
const OTHER_L3: BgpVpn = { id: 'vpn-l3b', type: 'l3', route_targets: ['64512:400'], local_pref: 150 }
const L2: BgpVpn = { id: 'vpn-l2', type: 'l2', route_targets: ['64512:200'] }
const DUMMY = { dataplane_driver: 'dummy' }

let lab: Lab
let host: LabHost
let daemon: LabDaemon
let agent: BagpipeAgent

const settings = (evpn: 'linux' | 'dummy'): DaemonSettings => ({
  BGP: { peers: REFLECTOR, my_as: AS },
  DATAPLANE_DRIVER_EVPN: { dataplane_driver: evpn },
  DATAPLANE_DRIVER_IPVPN: DUMMY,
})

beforeAll(async () => {
  lab = new Lab()
  const reflector = await addReflector(lab, REFLECTOR)
  await startChanterReflector(lab, reflector, AS)
  host = await addNode(lab, reflector, 'node1', '10.77.0.11')
  await makeBridge()
})

afterAll(() => lab.close())

const start = async (evpn: 'linux' | 'dummy') => {
  daemon = await startChanter(lab, host, settings(evpn))
  await session(lab, daemon, REFLECTOR, true)
}

const ask = (what: string, details: Readonly<Record<string, unknown>> = {}) => agent.ask(what, details)

/** What is attached, an endpoint a line. */
async function attached(): Promise<string[]> {
  const instances = await fetchJson<{ id: string }[]>(daemon.api, '/looking-glass/vpns/instances')
  const lines = await Promise.all(
    instances.map(async ({ id }) => {
      const path = `/looking-glass/vpns/instances/${id}/ports`
      const ports = await fetchJson<Record<string, Ports>>(daemon.api, path)
      return Object.values(ports).flatMap(({ endpoints }) =>
        endpoints.map((one) => `${short(id)} ${one.mac_address} ${one.ip_address} ${one.direction}`),
      )
    }),
  )
  return lines.flat().sort()
}

interface Ports {
  readonly endpoints: readonly { mac_address: string; ip_address: string; direction: string }[]
}

const short = (id: string): string =>
  id.replace(NET, 'net').replace(uuidOf('assoc-p'), 'assoc-p').replace(uuidOf(L3.id), L3.id)

/** What came to the reflector; a daemon without a kernel to forward in keeps no numbers over a restart. */
async function advertised(): Promise<string[]> {
  const api = { host: REFLECTOR, port: daemon.api.port }
  const routes = await fetchJson<Record<string, Record<string, unknown>[]>>(api, '/looking-glass/bgp/routes')
  const names = Object.values(routes).flatMap((list) => list.flatMap((one) => Object.keys(one)))
  return names
    .filter((name) => !name.startsWith('rtc'))
    .map((name) => name.replaceAll(/label \d+ |rd \S+|(?<=10\.77\.0\.11):\d+/g, ''))
    .sort()
}

async function makePorts(): Promise<void> {
  for (const [i, mac] of MACS.entries())
    await ask('port', { id: `p${i + 1}`, network: 'net', mac, ip: `192.168.10.1${i + 1}` })
}

const associate = (id: string, vpn: BgpVpn, event = 'created') =>
  ask('associate_network', { id, network: 'net', vpn, event })

/** The answers of a Neutron server to an agent that has just started. */
async function startAgent(kind: 'linuxbridge' | 'ovs'): Promise<void> {
  agent = new BagpipeAgent(kind, daemon)
  await ask('network', { id: 'net', vni: 100, gateway: '192.168.10.1' })
  await agent.sees(lab, 'UP')
}

const FIXED = MACS.map((mac, i) => `${mac} 192.168.10.1${i + 1}/32 both`)
const inAll = (...ids: readonly string[]) => ids.flatMap((id) => FIXED.map((one) => `${id} ${one}`))

describe.each([
  ['ovs', 'dummy'],
  ['linuxbridge', 'dummy'],
  ['linuxbridge', 'linux'],
] as const)('the %s agent of networking-bagpipe, EVPN with %s', (kind, evpn) => {
  const isBridge = kind === 'linuxbridge'
  const always = isBridge ? ['evpn_net'] : []

  beforeAll(async () => {
    await start(evpn)
    await startAgent(kind)
  })

  afterAll(async () => {
    agent.stop()
    await daemon.process.stop()
  })

  test('attaches ports, and associates their network', async () => {
    await makePorts()
    expect(await attached()).toEqual(inAll(...always))
    await associate('assoc-1', L3)
    expect(await attached()).toEqual(inAll(...always, 'ipvpn_net'))
    await associate('assoc-2', OTHER_L3)
    await associate('assoc-3', L2)
    expect(await attached()).toEqual(inAll('evpn_net', 'ipvpn_net'))
    const instance = await fetchJson(daemon.api, `/looking-glass/vpns/instances/ipvpn_${NET}`)
    expect(instance).toMatchObject({
      gateway_ip: '192.168.10.1',
      route_targets: { export: expect.arrayContaining(['target:64512:301', 'target:64512:400']) },
    })
  })

  test('associates a port by prefixes, leaks routes, and takes some of it back', async () => {
    const associatePort = (prefixes: readonly string[], event: string) =>
      ask('associate_port', { id: 'assoc-p', port: 'p1', vpn: OTHER_L3, prefixes, leak: [L3], event })
    await associatePort(['40.0.0.0/24', '60.0.0.1/32'], 'created')
    const [mac] = MACS
    const ofPrefix = (prefix: string) =>
      `ipvpn_portassoc_assoc-p_prefix_${prefix.replaceAll(/[./]/g, '_')} ${mac} ${prefix} to-port`
    const leak = `ipvpn_portassoc_assoc-p_bgpvpn_vpn-l3 ${mac} 192.168.10.11/32 to-port`
    const network = inAll('evpn_net', 'ipvpn_net')
    expect(await attached()).toEqual([...network, leak, ofPrefix('40.0.0.0/24'), ofPrefix('60.0.0.1/32')])
    await lab.eventually('the reflector has the prefixes', async () => {
      const routes = await advertised()
      const has = (prefix: string) => routes.some((name) => name.includes(prefix))
      return has('40.0.0.0/24') && has('60.0.0.1/32') ? { value: routes } : { seen: routes.join('; ') }
    })
    await associatePort(['40.0.0.0/24'], 'updated')
    expect(await attached()).toEqual([...network, leak, ofPrefix('40.0.0.0/24')])
    await lab.eventually('the reflector has lost the other prefix', async () => {
      const routes = await advertised()
      return routes.some((name) => name.includes('60.0.0.1/32'))
        ? { seen: routes.join('; ') }
        : { value: routes }
    })
  })

  test('sends everything again when it has restarted, which changes nothing', async () => {
    const before = { attached: await attached(), advertised: await advertised() }
    agent.stop()
    await startAgent(kind)
    await makePorts()
    for (const [i, vpn] of [L3, OTHER_L3, L2].entries()) await associate(`assoc-${i + 1}`, vpn)
    const details = { id: 'assoc-p', port: 'p1', vpn: OTHER_L3, prefixes: ['40.0.0.0/24'], leak: [L3] }
    await ask('associate_port', details)
    expect(await attached()).toEqual(before.attached)
    expect(await advertised()).toEqual(before.advertised)
  })

  test.each([
    ['SIGTERM', 0],
    ['SIGKILL', 300],
    ['SIGTERM', 1200],
    ['SIGKILL', 2500],
  ] as const)('goes on after %s of the daemon, which is away for %d ms more', async (signal, awayMs) => {
    const before = { attached: await attached(), advertised: await advertised() }
    await daemon.process.stop(signal)
    await new Promise((resolve) => setTimeout(resolve, awayMs))
    await start(evpn)
    const again = new Set<string>()
    await lab.eventually('the agent has attached everything again', async () => {
      const { calls, status } = await agent.order('look')
      expectGranted(calls)
      for (const { body } of calls) again.add(`${body['vpn_instance_id']} ${body['mac_address']}`)
      const [sent, now] = [again.size, await attached()]
      const isAsBefore = status === 'UP' && now.join() === before.attached.join()
      return isAsBefore && sent === now.length
        ? { value: now }
        : { seen: `${status} ${sent}: ${now.join('; ')}` }
    })
    await lab.eventually('the reflector has the routes as before', async () => {
      const routes = await advertised()
      return `${routes}` === `${before.advertised}` ? { value: routes } : { seen: routes.join('; ') }
    })
  })

  test('detaches what it dissociates and deletes, some of it twice', async () => {
    // with a leak the agent raises an exception of its own when it detaches (KeyError: 'network_id')
    const noLeak = { id: 'assoc-p', port: 'p1', vpn: OTHER_L3, prefixes: ['40.0.0.0/24'], event: 'updated' }
    await ask('associate_port', noLeak)
    await associate('assoc-3', L2, 'deleted')
    await associate('assoc-2', OTHER_L3, 'deleted')
    for (const id of ['p1', 'p2']) await ask('delete_port', { id })
    expect(await attached()).toEqual([])
    await lab.eventually('the reflector has no routes', async () => {
      const routes = await advertised()
      return routes.length === 0 ? { value: routes } : { seen: routes.join('; ') }
    })
  })
})

/** What the Linux bridge agent makes for the network and its ports. */
async function makeBridge(): Promise<void> {
  const bridge = `brq${NET.slice(0, 11)}`
  const link = (...words: readonly string[]) => run('ip', '-n', host.namespace, 'link', ...words)
  await link('add', bridge, 'type', 'bridge')
  await link('set', bridge, 'up')
  for (const id of ['p1', 'p2']) {
    const tap = `tap${uuidOf(id).slice(0, 11)}`
    await run('ip', '-n', host.namespace, 'tuntap', 'add', 'dev', tap, 'mode', 'tap')
    await link('set', tap, 'master', bridge, 'up')
  }
}
