import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatMac } from '../../../src/values/mac.ts'
import { packetFrame, udp } from '../../support/frames.ts'
import { SERVICE_PORT } from '../../support/isolation/host-sendings.ts'
import { Socket } from '../../support/sockets.ts'
import { attach, type Customer, detach } from '../fleet.ts'
import { inside, ip, runIn, setSysctl } from '../network.ts'
import { addressesOf, MACHINE, VPNS, VrfLab } from './lab.ts'

/** What VMs have of their VPNs while they are kept from everything else, and while their ports come and go. */
let lab: VrfLab

beforeAll(async () => {
  lab = new VrfLab('IPv4')
  await lab.start()
})

afterAll(() => lab.close())

const ping = (from: Customer, address: string) => runIn(from.namespace, `ping -c 1 -W 1 ${address}`)

const reaches = (from: Customer, address: string) =>
  lab.fleet.lab.eventually(`${from.name} reaches ${address}`, async () => ({ value: ping(from, address) }))

describe('VMs reach', () => {
  const [red, redBeside, redFar] = VPNS.red
  const [routed, , routedFar] = VPNS.routed

  test.each([
    ['their VPN on the node', red, redBeside],
    ['their VPN on the other node', red, redFar],
    ['their EVPN instance on the other node', routed, routedFar],
  ])('%s', async (_where, from, to) => {
    for (const address of Object.values(addressesOf(lab.customer(to))))
      await reaches(lab.customer(from), address)
  })

  test.each([
    ['the gateway of a VRF', red],
    ['the gateway of an IRB', routed],
  ])('%s', async (_what, n) => {
    const customer = lab.customer(n)
    for (const { gateway } of customer.subnets) await reaches(customer, gateway)
  })

  test('other subnets by the gateway of an IRB', async () => {
    const other = lab.customer(VPNS.plain[0])
    await attach(lab.daemons[0]!, other, { imports: ['64512:30'], exports: ['64512:30'] }, 'beyond')
    for (const address of Object.values(addressesOf(other))) await reaches(lab.customer(routed), address)
    await detach(lab.daemons[0]!, other, 'beyond')
  })
})

test('a VM may have an address that a node has', async () => {
  const customer = lab.customer(VPNS.red[1])
  const addresses = ['10.88.0.11', '10.88.0.12']
  const { gateway } = customer.subnets[0]!
  const more = { ...customer, subnets: addresses.map((address) => ({ address: `${address}/32`, gateway })) }
  ip(customer.namespace, ...addresses.map((address) => `address add ${address}/32 dev eth0`))
  await attach(lab.daemons[0]!, more, { imports: ['64512:10'], exports: ['64512:10'] }, 'red')
  for (const address of addresses) {
    await reaches(lab.customer(VPNS.red[0]), address)
    // Both nodes are on the way: the one whose address it is does not answer.
    const said = await reaches(lab.customer(VPNS.red[2]), address)
    expect(said).toContain('ttl=62')
  }
  await detach(lab.daemons[0]!, more, 'red')
  ip(customer.namespace, ...addresses.map((address) => `address del ${address}/32 dev eth0`))
})

test('interfaces that are made beside VRFs take no router advertisements while the machine forwards', () => {
  const { namespace } = lab.hosts[0]!
  ip(namespace, 'link add later up type dummy')
  const root = '/proc/sys/net/ipv6/conf'
  const accepts = (device: string) => Number(readFileSync(`${root}/${device}/accept_ra`, 'utf8'))
  const devices = inside(namespace, () =>
    ['default', 'later', ...ours(namespace)].map((device) => [device, accepts(device)] as const),
  )
  // 1 is: unless the machine forwards.
  expect(devices.filter(([, value]) => value > 1)).toEqual([])
})

/** Devices that have to do with VMs. */
function ours(namespace: string): string[] {
  const links: { ifname: string }[] = JSON.parse(runIn(namespace, 'ip -json link'))
  return links
    .map(({ ifname }) => ifname)
    .filter((name) => /^(tap(?!8|9)|bvrf-|evpn---|vxlan--|vrf2e--|e2vrf--)/.test(name))
}

describe.each([0, 1])('with ip_forward %i', (forward) => {
  const [mover, stays] = VPNS.plain

  test('the main table has no packet of a VM whose port enters and leaves a VRF', async () => {
    const { namespace } = lab.hosts[0]!
    setSysctl(namespace, 'net/ipv4/ip_forward', forward)
    const [daemon] = lab.daemons as [(typeof lab.daemons)[0]]
    const customer = lab.customer(mover)
    const targets = { imports: ['64512:40'], exports: ['64512:40'] }
    const observer = Socket.ofInterface(namespace, 'core', { outgoing: true })
    const enter = () => attach(daemon, customer, targets, 'green')
    const leave = () => detach(daemon, customer, 'green')
    // Until a port was in a VRF once, it is the hypervisor's.
    await enter()
    await leave()
    observer.take()
    let sent = 0
    for (let cycle = 0; cycle < 3; cycle++) {
      sent += await whileSending(customer, enter)
      await reaches(customer, customer.subnets[0]!.gateway)
      sent += await whileSending(customer, leave)
      await attach(daemon, lab.customer(stays), targets, 'green')
      sent += await whileSending(customer, enter)
      sent += await whileSending(customer, leave)
      await detach(daemon, lab.customer(stays), 'green')
    }
    const strays = observer.take().filter((frame) => frame.includes(STRAY))
    observer.close()
    console.log(`ip_forward ${forward}: ${strays.length} of ${sent} packets by the main table`)
    expect(sent).toBeGreaterThan(100)
    expect(strays).toHaveLength(0)
  })
})

const STRAY = Buffer.from('out of a VRF')
/** Packets between two turns of the event loop. */
const BURST = 8

/** Sends to a machine of the underlay without pause until the action is done and a little longer; returns how many packets. */
async function whileSending(from: Customer, action: () => Promise<void>): Promise<number> {
  const socket = lab.socketOf(Number(from.name.slice(2)))
  const vm = addressesOf(from)
  const gatewayMac = lab.portMac(Number(from.name.slice(2)))
  const frames = [
    { from: vm.ipv4, to: MACHINE.ipv4 },
    { from: vm.ipv6, to: MACHINE.ipv6 },
  ].map((ends) => packetFrame(gatewayMac, formatMac(from.mac), udp(ends, 5000, SERVICE_PORT, STRAY)))
  let sent = 0
  const burst = () => {
    for (let i = 0; i < BURST; i++) for (const frame of frames) if (socket.send(frame)) sent++
  }
  let done = false
  const acting = action().finally(() => {
    done = true
  })
  while (!done) {
    burst()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await acting
  burst()
  return sent
}
