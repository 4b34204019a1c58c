import { afterAll, beforeAll } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { request } from '../../src/client.ts'
import { systemClock } from '../../src/clock.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { parseMac } from '../../src/values/mac.ts'
import { noEvents } from '../support/events.ts'
import { attachmentOf } from '../support/interop.ts'
import { ip, peerConfig } from '../support/speakers.ts'

/** An underlay of IPv6 alone, with jumbo frames: three nodes in a full mesh, and this process, which advertises what it likes. */
export const INJECTOR = 'fd00:77::1'
export const nodeAddress = (n: number) => `fd00:77::1${n}`
export const JUMBO = 9000
/** Less Ethernet, VXLAN, UDP and IPv6. */
export const ROOM = JUMBO - 70
export const IPV4 = (n: number) => `192.168.10.${n}`
export const IPV6 = (n: number) => `2001:db8:10::${n}`
export const NODES = [1, 2, 3]
/** The VNI is each node's own affair. */
const VNIS = [0, 100, 100, 7777]

export let lab: Lab
export let nodes: LabDaemon[]
let vms: Vm[]
export let injector: Speaker
export let middle: LabHost
export const source = localSource('injector')

export const vmMac = (n: number) => `02:00:00:00:01:0${n}`
export const ipIn = (namespace: string, ...words: string[]) => run('ip', '-n', namespace, ...words)

/** Node n and its VM; they are numbered from 1. */
export const node = (n: number): LabDaemon => nodes[n - 1]!
export const vm = (n: number): Vm => vms[n - 1]!

export async function start(host: LabHost, evpn: Record<string, string> = {}): Promise<LabDaemon> {
  const n = Number(host.name.slice(-1))
  const others = NODES.filter((other) => other !== n).map(nodeAddress)
  return startChanter(lab, host, {
    BGP: {
      router_id: `10.0.0.${n}`,
      my_as: AS,
      peers: [...others, INJECTOR].join(', '),
      connect_retry_time: 1,
      vanished_time: 0,
    },
    DATAPLANE_DRIVER_EVPN: evpn,
  })
}

export async function post(daemon: LabDaemon, what: 'attach' | 'detach', body: object): Promise<void> {
  const answer = await request(daemon.api, `/${what}_localport`, body)
  if (answer.status !== 200) throw new Error(`${what}: ${answer.status} ${answer.body}`)
}

/** Attaches VM n to net1 with one of its addresses. */
export const attachVm = (n: number, address: string, more: object = {}) =>
  post(node(n), 'attach', { ...attachmentOf(vm(n)), ip_address: address, vni: VNIS[n], ...more })

beforeAll(async () => {
  lab = new Lab()
  middle = await addReflector(lab, INJECTOR)
  nodes = []
  vms = []
  const hosts: LabHost[] = []
  for (const n of NODES) {
    const host = await addNode(lab, middle, `node${n}`, nodeAddress(n))
    await ipIn(host.namespace, 'link', 'set', 'eth0', 'mtu', String(JUMBO))
    await ipIn(middle.namespace, 'link', 'set', `to-node${n}`, 'mtu', String(JUMBO))
    hosts.push(host)
    vms.push(await addDualStackVm(host, `vm${n}`, n))
  }
  nodes = await Promise.all(hosts.map((host) => start(host)))
  injector = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: ip('10.0.0.9'),
      localAddress: ip(INJECTOR),
      listenPort: null,
      peers: NODES.map((n) => peerConfig(nodeAddress(n), { families: [EVPN, ROUTE_TARGET] })),
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  await injector.start()
})

afterAll(() => {
  injector.stop('done')
  lab.close()
})

export async function addDualStackVm(host: LabHost, name: string, n: number): Promise<Vm> {
  const made = await addVm(lab, host, name, parseMac(vmMac(n))!, `${IPV4(n)}/24`)
  await ipIn(made.namespace, 'link', 'set', 'eth0', 'mtu', String(ROOM))
  await ipIn(host.namespace, 'link', 'set', made.port, 'mtu', String(ROOM))
  await ipIn(made.namespace, 'addr', 'add', `${IPV6(n)}/64`, 'dev', 'eth0', 'nodad')
  return made
}

export const ping = (from: Vm, address: string, ...options: string[]) =>
  lab.exec(from.namespace, 'ping', '-c', '2', '-i', '0.2', '-W', '2', ...options, address)

/** A packet for an address that no host has. */
export const askInVain = (from: Vm, address: string) =>
  ping(from, address, '-c', '1', '-W', '0.5').catch(() => 'no answer')

const neighbours = async (n: number): Promise<string[]> => {
  const shown = await ipIn(
    node(n).host.namespace,
    '-json',
    'neigh',
    'show',
    'dev',
    'evpn---net1',
    'nud',
    'noarp',
  )
  return (JSON.parse(shown) as { dst: string; lladdr: string; extern_learn?: null; router?: null }[])
    .filter(({ extern_learn }) => extern_learn === null)
    .map(({ dst, lladdr, router }) => `${dst} ${lladdr}${router === null ? ' router' : ''}`)
    .sort()
}

/** Waits until the kernel of node n answers for exactly these addresses. */
export async function answersFor(n: number, expected: readonly string[]): Promise<void> {
  await lab.eventually(`node${n} answers for ${expected.join(', ')}`, async () => {
    const seen = await neighbours(n)
    return seen.join() === [...expected].sort().join() ? { value: seen } : { seen: seen.join(', ') }
  })
}

export const FLOOD = '00:00:00:00:00:00'
/** What node 1 forwards for the other two. */
export const OTHERS = [
  `${vmMac(2)} ${nodeAddress(2)}`,
  `${FLOOD} ${nodeAddress(2)}`,
  `${vmMac(3)} ${nodeAddress(3)} vni 7777`,
  `${FLOOD} ${nodeAddress(3)} vni 7777`,
]
export const ADDRESSES = [2, 3].flatMap((n) => [`${IPV4(n)} ${vmMac(n)}`, `${IPV6(n)} ${vmMac(n)}`])
