import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatMac } from '../../../src/values/mac.ts'
import * as f from '../../support/frames.ts'
import { arrives, type Marker } from '../../support/isolation/matrix.ts'
import { Socket } from '../../support/sockets.ts'
import { addressesOf, BridgeLab, EXTERNAL, ip, type Network, nodeAddresses, OWN } from './lab.ts'

/** What VMs have of their networks while they are kept from everything else. */
let lab: BridgeLab
/** What the first VMs have received since before they were attached. */
const sockets = new Map<number, Socket>()

const NETWORKS = [
  ['own bridge', OWN],
  ['external bridge', EXTERNAL],
] as const

beforeAll(async () => {
  lab = new BridgeLab('IPv4')
  await lab.start((n) => sockets.set(n, lab.socketOf(n)))
})

afterAll(() => lab.close())

const macOf = (n: number): string => formatMac(lab.vm(n).mac)

/** Pings once for each of so many tries. */
function ping(from: number, address: string, count = 2): Promise<string> {
  return lab.lab.exec(lab.vm(from).namespace, 'ping', '-c', `${count}`, '-i', '0.05', '-W', '2', address)
}

/** Sends frames from one VM, whose last one has to arrive at all others, and returns what one of them received. */
async function received(
  network: Network,
  from: number,
  frames: readonly Buffer[],
  at: number,
): Promise<Buffer[]> {
  const [sender, receiver] = [lab.socketOf(from), lab.socketOf(at)]
  for (const frame of frames) sender.send(frame)
  for (let i = 0; i < 2; i++) await arrives(markerOf(network, from))
  return receiver.take()
}

/** From one VM to all others of its network. */
function markerOf({ vms }: Network, from: number): Marker {
  return {
    socket: lab.socketOf(from),
    frames: (mark) => [f.ethernet(f.BROADCAST, macOf(from), 0x88b6, mark)],
    witnesses: vms.filter((n) => n !== from).map((n) => lab.socketOf(n)),
  }
}

describe.each(NETWORKS)('%s', (_name, network) => {
  const [near, beside, far] = network.vms as readonly [number, number, number]

  test.each([
    ['beside it', beside],
    ['on the other node', far],
  ])('a VM reaches the one %s', async (_where, to) => {
    for (const address of Object.values(addressesOf(to)))
      expect(await ping(near, address)).toContain(' 0% packet loss')
  })

  test('its questions for VMs elsewhere are answered by the node, in their name', async () => {
    const { ipv4 } = addressesOf(far)
    const asked = f.arp(
      'request',
      { mac: macOf(near), ...addressesOf(near) },
      { mac: '00:00:00:00:00:00', ipv4 },
    )
    const target = addressesOf(far).ipv6
    const group = f.solicitedNode(target)
    const solicited = f.neighbourSolicitation(
      { from: f.linkLocal(macOf(near)), to: group.ipv6 },
      target,
      macOf(near),
      Buffer.alloc(0),
    )
    const questions = [
      f.ethernet(f.BROADCAST, macOf(near), f.ETHERTYPE.arp, asked),
      f.packetFrame(group.mac, macOf(near), solicited),
    ]
    const asker = lab.socketOf(near)
    const there = await received(network, near, questions, far)
    const types = (frames: readonly Buffer[]) => frames.map((frame) => frame.readUInt16BE(12))
    expect(types(there)).not.toContain(f.ETHERTYPE.arp)
    expect(types(there)).not.toContain(f.ETHERTYPE.ipv6)
    const answers = asker.take().filter((frame) => frame.subarray(6, 12).equals(f.macBytes(macOf(far))))
    expect(types(answers)).toEqual([f.ETHERTYPE.arp, f.ETHERTYPE.ipv6])
  })

  test('a VM may have an address that a node has', async () => {
    const [own, other] = [nodeAddresses(1).ipv4, nodeAddresses(2).ipv4]
    const vm = lab.vm(near)
    for (const address of [own, other]) {
      await ip(vm.namespace, `addr add ${address}/32 dev eth0`)
      await lab.change('attach', network, near, [`${address}/24`])
    }
    for (const from of [beside, far]) await ip(lab.vm(from).namespace, 'route add 10.88.0.0/24 dev eth0')
    for (const address of [own, other]) {
      for (const from of [beside, far]) {
        await lab.lab.eventually(`VM ${from} reaches ${address}`, async () => ({
          value: await ping(from, address, 1),
        }))
        const neighbour = await ip(lab.vm(from).namespace, `neigh show ${address} dev eth0`)
        expect(neighbour).toContain(macOf(near))
      }
    }
    for (const from of [beside, far]) await ip(lab.vm(from).namespace, 'route del 10.88.0.0/24 dev eth0')
    for (const address of [own, other]) {
      await lab.change('detach', network, near, [`${address}/24`])
      await ip(vm.namespace, `addr del ${address}/32 dev eth0`)
    }
  })

  // The thief, the victim and the sender of its traffic.
  test.each([
    ['another VM of the node', near, beside, far],
    ['a VM elsewhere', near, far, beside],
  ])(
    'a VM that uses the address of %s takes none of its traffic',
    async (_whose, spoofer, victim, sender) => {
      const spoofed = f.ethernet(f.BROADCAST, macOf(victim), 0x88b5, Buffer.from('spoofed'))
      const frames = [1, 2, 3].map((i) =>
        f.ethernet(macOf(victim), macOf(sender), 0x88b5, Buffer.from(`to the victim ${i}`)),
      )
      const [thief, wanted] = [lab.socketOf(spoofer), lab.socketOf(victim)]
      thief.take()
      for (const frame of frames) {
        thief.send(spoofed)
        lab.socketOf(sender).send(frame)
      }
      await arrives(markerOf(network, sender))
      const count = (socket: Socket) =>
        socket.take().filter((frame) => frame.includes('to the victim')).length
      expect([count(thief), count(wanted)]).toEqual([0, 3])
    },
  )

  test('VMs hear nothing of devices of ours', async () => {
    const links: { ifname: string; address: string; master?: string }[] = JSON.parse(
      await ip(lab.hostOf(near).namespace, '-json link show'),
    )
    const bridge = await lab.bridgeOf(near)
    const vxlan = links.find(({ ifname, master }) => master === bridge && ifname.startsWith('vxlan--'))!
    // Addresses of an external bridge are its owner's.
    const ours = network.bridge === undefined ? [bridge, vxlan.ifname] : [vxlan.ifname]
    const macs = links
      .filter(({ ifname }) => ours.includes(ifname))
      .map(({ address }) => address.replaceAll(':', ''))
    expect(macs).toHaveLength(ours.length)
    const sources = network.vms.flatMap((n) =>
      (sockets.get(n)?.take() ?? []).map((frame) => frame.toString('hex', 6, 12)),
    )
    expect(sources.length).toBeGreaterThan(0)
    expect(sources.filter((source) => macs.includes(source))).toEqual([])
  })
})

test('a VM that asks who is in groups takes none of them from others', async () => {
  const [from, asker, far] = OWN.vms as readonly [number, number, number]
  const [group, mac] = ['239.1.2.9', '01:00:5e:01:02:09']
  const query = f.igmpQuery({ from: addressesOf(asker).ipv4, to: '224.0.0.1' }, Buffer.alloc(0))
  lab.socketOf(asker).send(f.packetFrame('01:00:5e:00:00:01', macOf(asker), query))
  // Bridges that heed it do so once its response time is over.
  const over = performance.now() + 2 * f.IGMP_RESPONSE_MS
  while (performance.now() < over) await arrives(markerOf(OWN, asker))
  const packet = f.udp({ from: addressesOf(from).ipv4, to: group }, 5000, 5000, Buffer.from('to a group'))
  const frame = f.packetFrame(mac, macOf(from), packet)
  const there = await received(OWN, from, [frame, frame, frame], far)
  expect(there.filter((one) => one.includes('to a group'))).toHaveLength(3)
})

test('a port that is not attached goes on learning on an external bridge', async () => {
  const { namespace } = lab.hostOf(EXTERNAL.vms[0]!)
  const visitor = '02:00:00:00:00:77'
  const guest = lab.lab.addNamespace('guest')
  await ip(namespace, `link add guest up master ${EXTERNAL.bridge} type veth peer name eth0 netns ${guest}`)
  await ip(guest, 'link set eth0 up')
  const socket = Socket.ofInterface(guest, 'eth0')
  socket.send(f.ethernet(f.BROADCAST, visitor, 0x88b5, Buffer.from('hello')))
  await lab.lab.eventually('its address is learnt', async () => {
    const seen = await lab.lab.exec(namespace, 'bridge', 'fdb', 'show', 'dev', 'guest')
    return seen.includes(visitor) ? { value: seen } : { seen }
  })
  socket.close()
})
