import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { learntRoutes } from '../../src/lab/views.ts'
import { parseMac } from '../../src/values/mac.ts'
import { askedFor, capturing } from '../support/capture.ts'
import { Frr } from '../support/frr.ts'
import { frrReflector } from '../support/frr-config.ts'
import { attach, attachmentOf, detach, forwards, ping, remoteEntries, session } from '../support/interop.ts'
import { addVmPort, pause, resume, type VmPort } from '../support/mover.ts'

const FRR = '10.77.0.12'
const ONE = '10.77.0.11'
/** The VTEP address of node 3, which is none of its BGP session's. */
const THREE = '10.77.0.113'
const FLOOD = '00:00:00:00:00:00'
const VM1 = '02:00:00:00:01:01'
const VM2 = '02:00:00:00:01:02'
const VM3 = '02:00:00:00:01:03'
/** The VM that moves, by turns on FRR's node and on node 1. */
const MOVER = '02:00:00:00:01:04'
const MOVER_IP = '192.168.10.4'
const FIXED = '02:00:00:00:01:55'
/** Of a VM whose migration from node 1 to node 3 is given up. */
const GIVEN_UP = '02:00:00:00:01:66'
/** FRR learns IP addresses from ARP packets to its bridge. */
const FRR_BRIDGE = '192.168.10.252'
const UNUSED = '192.168.10.7'

let lab: Lab
let frr: Frr
let one: LabDaemon
let three: LabDaemon
let vm1: Vm
let vm2: Vm
let vm3: Vm
let onFrr: VmPort
let onOne: VmPort
let listensSince: number

/** FRR is a node with a bridge and a VXLAN device of its own making, and the reflector of the others. */
const BGPD = `${frrReflector(FRR)}  advertise-all-vni
  vni 100
   route-target both ${AS}:10
  exit-vni
`

beforeAll(async () => {
  lab = new Lab()
  const underlay = await addReflector(lab, '10.77.0.1')
  const hosts: LabHost[] = []
  for (const number of [1, 2, 3])
    hosts.push(await addNode(lab, underlay, `node${number}`, `10.77.0.1${number}`))
  const [first, second, third] = hosts as [LabHost, LabHost, LabHost]
  const vmNamed = (node: LabHost, number: number) =>
    addVm(
      lab,
      node,
      `vm${number}`,
      parseMac(`02:00:00:00:01:0${number}`) as number,
      `192.168.10.${number}/24`,
    )
  vm1 = await vmNamed(first, 1)
  vm2 = await vmNamed(second, 2)
  vm3 = await vmNamed(third, 3)
  ;[onFrr, onOne] = await addVmPort(await vmNamed(second, 4), first)
  // it sends nothing by itself: FRR learns its place from every packet
  await lab.exec(onFrr.vm.namespace, ...['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'])
  await addBridge(second, [vm2.port, onFrr.vm.port])
  frr = await Frr.start(lab, second, BGPD)
  await run('ip', '-n', third.namespace, 'addr', 'add', `${THREE}/24`, 'dev', 'eth0')
  const BGP = { peers: FRR, my_as: AS }
  ;[one, three] = await Promise.all([
    startChanter(lab, first, { BGP }),
    startChanter(lab, third, { BGP, DATAPLANE_DRIVER_EVPN: { dataplane_local_address: THREE } }),
  ])
  await session(lab, one, FRR, true)
  await session(lab, three, FRR, true)
  await attach(one, vm1)
  await attach(three, vm3)
  listensSince = performance.now()
})

afterAll(() => lab.close())

/** The bridge of FRR's node, as its manual has it: remote addresses come from zebra, known neighbours are answered for. */
async function addBridge({ namespace, address }: LabHost, ports: readonly string[]): Promise<void> {
  const ip = (...words: readonly string[]) => run('ip', '-n', namespace, ...words)
  await ip('link', 'add', 'br100', 'type', 'bridge', 'forward_delay', '0')
  await ip(
    ...['link', 'add', 'vxlan100', 'type', 'vxlan', 'id', '100', 'local', address],
    ...['dstport', '4789', 'nolearning'],
  )
  for (const port of ['vxlan100', ...ports]) await ip('link', 'set', port, 'master', 'br100', 'up')
  await ip('link', 'set', 'br100', 'up')
  await ip('addr', 'add', `${FRR_BRIDGE}/24`, 'dev', 'br100')
  const suppress = ['learning', 'off', 'neigh_suppress', 'on']
  await run('bridge', '-netns', namespace, 'link', 'set', 'dev', 'vxlan100', ...suppress)
}

/** The VM sends a frame, by which FRR learns that it is there. */
const speak = ({ namespace }: Vm) => lab.exec(namespace, 'ping', '-c', '1', '-W', '2', FRR_BRIDGE)

/** Waits until nodes 1 and 3 send to the VM that moves at `home`, and to no other node for it. */
async function isAt(home: string): Promise<void> {
  const mover = [`${MOVER} ${home}`]
  const others = [`${VM2} ${FRR}`, `${FLOOD} ${FRR}`]
  await forwards(lab, one.host, [
    ...[...others, `${VM3} ${THREE}`, `${FLOOD} ${THREE}`],
    ...(home === ONE ? [] : mover),
  ])
  await forwards(lab, three.host, [...others, `${VM1} ${ONE}`, `${FLOOD} ${ONE}`, ...mover])
}

/** What node 3 received for an address: next hop, IP address, mobility. */
async function claims(mac: string): Promise<string[]> {
  const routes = await learntRoutes(three.api)
  return routes
    .filter(({ nlri }) => nlri.toLowerCase().includes(`:${mac}/48`))
    .map((route) => {
      const [, ip] = /\/48:([^:]*):/.exec(route.nlri) ?? []
      const [mobility = ''] = /mobility:\d+(:sticky)?/.exec(JSON.stringify(route)) ?? []
      return `${route.next_hop} ${ip} ${mobility}`.trim()
    })
    .sort()
}

async function isReported(
  mac: string,
  expected: readonly string[],
  beforehand: () => Promise<unknown> = async () => {},
): Promise<void> {
  await lab.eventually(`node3 gets ${mac}: ${expected.join(', ')}`, async () => {
    await beforehand()
    const seen = await claims(mac)
    return seen.join() === [...expected].sort().join() ? { value: seen } : { seen: seen.join(', ') }
  })
}

interface FrrMac {
  readonly type: string
  readonly remoteVtep?: string
  readonly localSequence: number
  readonly remoteSequence: number
}

/** Waits until FRR has this of an address. */
async function frrHas(mac: string, expected: Partial<FrrMac>): Promise<void> {
  await lab.eventually(`FRR has ${mac} as ${JSON.stringify(expected)}`, async () => {
    const { macs } = await frr.shown<{ macs: Record<string, FrrMac> }>('evpn mac vni 100')
    const seen = macs[mac]
    const is = Object.entries(expected).every(([key, value]) => seen?.[key as keyof FrrMac] === value)
    return seen !== undefined && is ? { value: seen } : { seen: JSON.stringify(seen) }
  })
}

async function allReach(): Promise<void> {
  const vms = [vm1, vm2, vm3, onFrr.vm]
  await Promise.all(vms.flatMap((from) => vms.filter((to) => to !== from).map((to) => ping(lab, from, to))))
}

test('type 2 and type 3 routes both ways: every VM reaches every other', async () => {
  await speak(vm2)
  await speak(onFrr.vm)
  await isAt(FRR)
  await isReported(VM2, [`${FRR} -`, `${FRR} 192.168.10.2`])
  await forwards(lab, frr.host, [`${VM1} ${ONE}`, `${FLOOD} ${ONE}`, `${VM3} ${THREE}`, `${FLOOD} ${THREE}`])
  await frrHas(VM1, { type: 'remote', remoteVtep: ONE, remoteSequence: 0 })
  await frrHas(VM3, { type: 'remote', remoteVtep: THREE, remoteSequence: 0 })
  const networks = await frr.show('bgp l2vpn evpn route type multicast')
  for (const originator of [ONE, THREE]) expect(networks).toContain(`*>i[3]:[0]:[32]:[${originator}]`)
  await allReach()
})

test('each side answers ARP for addresses that the other advertised; only other requests cross the wire', async () => {
  const devices = [
    ['vxlan--net1', one.host],
    ['vxlan100', frr.host],
  ] as const
  const captures = await Promise.all(
    devices.map(async ([device, { namespace }]) => {
      const file = join(lab.directory, `${device}.pcap`)
      return { file, capture: await capturing(lab, namespace, device, 'arp', file) }
    }),
  )
  for (const { namespace } of [vm1, vm2]) await lab.exec(namespace, 'ip', 'neigh', 'flush', 'dev', 'eth0')
  await ping(lab, vm1, vm2)
  await lab.exec(vm2.namespace, 'ip', 'neigh', 'flush', 'dev', 'eth0')
  await ping(lab, vm2, vm1)
  const unused = [`${UNUSED}1`, `${UNUSED}2`]
  for (const [i, { namespace }] of [vm1, vm2].entries())
    await lab.exec(namespace, 'ping', '-c', '1', '-W', '1', unused[i]!).catch(() => 'no answer')
  for (const { capture, file } of captures) {
    await capture.stop('SIGINT')
    expect(await askedFor(file)).toEqual(new Set(unused))
  }
})

describe('a VM moves', () => {
  test('from FRR to chanter', async () => {
    await lab.eventually('node 1 has been in the network for longer than news of it takes', async () => {
      const ms = performance.now() - listensSince
      return ms > 11_000 ? { value: ms } : { seen: `${ms} ms` }
    })
    await pause(lab, onFrr)
    await attach(one, onOne.vm)
    await isReported(MOVER, [`${ONE} ${MOVER_IP} mobility:1`])
    await frrHas(MOVER, { type: 'remote', remoteVtep: ONE, remoteSequence: 1 })
    await resume(lab, onFrr, onOne)
    await isAt(ONE)
    await allReach()
  })

  test('back to FRR, which receives its routes while it is attached to chanter still', async () => {
    await resume(lab, onOne, onFrr)
    await speak(onFrr.vm)
    // FRR has the IP address from our route, until that is withdrawn
    await isReported(MOVER, [`${ONE} ${MOVER_IP} mobility:1`, `${FRR} - mobility:2`])
    await frrHas(MOVER, { type: 'local', localSequence: 2, remoteSequence: 1 })
    await forwards(lab, three.host, [
      ...[`${VM1} ${ONE}`, `${FLOOD} ${ONE}`, `${VM2} ${FRR}`, `${FLOOD} ${FRR}`],
      `${MOVER} ${FRR}`,
    ])
    await ping(lab, vm3, onFrr.vm)
    await detach(one, onOne.vm)
    await isAt(FRR)
    // FRR learns the IP address from what the VM sends after our withdrawal, and no earlier
    const both = [`${FRR} - mobility:2`, `${FRR} ${MOVER_IP} mobility:2`]
    await isReported(MOVER, both, () => speak(onFrr.vm))
    await allReach()
  })

  test('to chanter once more, and back after it was detached', async () => {
    await pause(lab, onFrr)
    await attach(one, onOne.vm)
    await isReported(MOVER, [`${ONE} ${MOVER_IP} mobility:3`])
    await resume(lab, onFrr, onOne)
    await isAt(ONE)
    await allReach()
    await detach(one, onOne.vm)
    await isReported(MOVER, [])
    await resume(lab, onOne, onFrr)
    await speak(onFrr.vm)
    await isAt(FRR)
    await frrHas(MOVER, { type: 'local' })
    await allReach()
  })
})

test('a migration between two nodes that is given up: FRR goes back to the old one', async () => {
  const pending = { ...attachmentOf(vm1), mac_address: GIVEN_UP, ip_address: undefined }
  const there = { ...pending, local_port: { linuxif: vm3.port } }
  const ask = async ({ api }: LabDaemon, path: string, body: object) =>
    expect((await request(api, path, body)).status).toBe(200)
  await ask(one, '/attach_localport', pending)
  await frrHas(GIVEN_UP, { type: 'remote', remoteVtep: ONE, remoteSequence: 0 })
  await ask(three, '/attach_localport', there)
  await frrHas(GIVEN_UP, { type: 'remote', remoteVtep: THREE, remoteSequence: 1 })
  // a reflector does not send a route that was withdrawn meanwhile
  const isAway = async () => {
    const found = (await learntRoutes(one.api)).filter(({ nlri }) => nlri.toLowerCase().includes(GIVEN_UP))
    return found.length > 0 ? { value: true } : { seen: 'no route to the new node' }
  }
  await lab.eventually('the old node has received the route of the new one', isAway)
  await ask(three, '/detach_localport', there)
  await frrHas(GIVEN_UP, { type: 'remote', remoteVtep: ONE, remoteSequence: 1 })
  await ask(one, '/detach_localport', pending)
})

test('an address that FRR advertises as sticky stays there when it is attached elsewhere', async () => {
  const entry = ['fdb', 'add', FIXED, 'dev', vm2.port, 'master', 'sticky', 'static']
  await run('bridge', '-netns', frr.host.namespace, ...entry)
  await isReported(FIXED, [`${FRR} - mobility:0:sticky`])
  // without an IP address: FRR compares routes for the same addresses only
  const thief = { ...attachmentOf(onOne.vm), mac_address: FIXED, ip_address: undefined }
  expect((await request(one.api, '/attach_localport', thief)).status).toBe(200)
  await isReported(FIXED, [`${FRR} - mobility:0:sticky`, `${ONE} - mobility:1`])
  await frrHas(FIXED, { type: 'local' })
  expect(await remoteEntries(three.host)).toContain(`${FIXED} ${FRR}`)
})
