import { afterAll, beforeAll, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import { type LabDaemon, startChanterReflector } from '../../src/lab/chanter.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import { formatMac } from '../../src/values/mac.ts'
import { startBagpipe } from '../support/bagpipe.ts'
import { Flow, lossText, outageMs } from '../support/flow.ts'
import { session } from '../support/interop.ts'
import { AS, Fleet } from './fleet.ts'
import { addVeth, ip, runIn } from './network.ts'

/** What the guest's one CPU carries beside daemons that start. */
const PACKETS_A_SECOND = 50

const addressOf = (n: number) => `10.0.${n}.5`
const gatewayOf = (n: number) => `10.0.${n}.254`

let fleet: Fleet
let host: LabHost
let bagpipe: LabDaemon
/** The first two are on the node that changes its daemon: the one in a VRF, the other in an EVPN instance that is joined to one. */
let vms: readonly [Vm, Vm, Vm]

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  const { lab, reflector } = fleet
  host = fleet.addHost('pe1', 11)
  const other = fleet.addHost('pe2', 12)
  vms = [addVm(host, 1), addVm(host, 2), addVm(other, 3)]
  await startChanterReflector(lab, reflector, AS)
  // it keeps routes that vanish for longer than a daemon takes to start
  const keeping = { BGP: { vanished_time: 300 } }
  await attach(await fleet.startDaemon(other, [reflector], keeping), 3, { vpn_instance_id: 'red' })
  const drivers = { evpn: 'linux', mpls: 'core' } as const
  bagpipe = await startBagpipe(lab, host, reflector.address, AS, drivers)
  await session(lab, bagpipe, reflector.address, true)
  await attachBoth(bagpipe)
  for (const n of [1, 2]) await fleet.reachesAddress(vms[2], addressOf(n))
}, 400_000)

afterAll(() => fleet.lab.close())

/** A VM with IPv4 alone, as bagpipe-bgp serves it. */
function addVm({ namespace: home }: LabHost, n: number): Vm {
  const name = `vm${n}`
  const namespace = fleet.lab.addNamespace(name)
  const [mac, address, port] = [0x020000000100 + n, `${addressOf(n)}/24`, `tap${n}`]
  addVeth([home, port], [namespace, 'eth0'])
  ip(namespace, `link set eth0 address ${formatMac(mac)}`, `address add ${address} dev eth0`)
  ip(namespace, `route add default via ${gatewayOf(n)}`)
  return { name, namespace, mac, address, port }
}

async function attach({ api, process }: LabDaemon, n: number, more: object): Promise<void> {
  const { mac, address, port } = vms[n - 1]!
  const { status, body } = await request(api, '/attach_localport', {
    vpn_type: 'ipvpn',
    import_rt: ['64512:10'],
    export_rt: ['64512:10'],
    mac_address: formatMac(mac),
    ip_address: address,
    gateway_ip: gatewayOf(n),
    local_port: { linuxif: port },
    ...more,
  })
  if (status !== 200) throw new Error(`attach: ${status} ${body} ${process.tail(40)}`)
}

async function attachBoth(daemon: LabDaemon): Promise<void> {
  const targets = { import_rt: ['64512:20'], export_rt: ['64512:20'] }
  await attach(daemon, 1, { vpn_instance_id: 'red' })
  await attach(daemon, 2, { vpn_instance_id: 'net1', vpn_type: 'evpn', vni: 100, ...targets })
  await attach(daemon, 2, { vpn_instance_id: 'blue', local_port: { evpn: { id: 'net1' } } })
}

const shown = (command: string) => runIn(host.namespace, command)
/** VRFs by their indexes. */
const vrfs = () =>
  [...shown('ip -o link show type vrf').matchAll(/^(\d+): (bvrf-[1-9])/gm)].map(([, index, name]) => [
    name,
    index,
  ])

test('chanter takes over IP VPNs of a bagpipe-bgp that was killed, while packets flow', async () => {
  const { lab, reflector } = fleet
  const before = vrfs()
  expect(before.map(([name]) => name)).toEqual(['bvrf-1', 'bvrf-3'])
  // as of a route that is withdrawn while no daemon runs
  ip(host.namespace, 'route add table 1001 10.0.9.0/24 encap mpls 99 via 10.77.0.12 dev core proto 19')
  const flows: Flow[] = []
  for (const vm of vms.slice(0, 2)) flows.push(await Flow.start(lab, vms[2], vm, PACKETS_A_SECOND))
  await bagpipe.process.stop('SIGKILL')
  const daemon = await fleet.startDaemon(host, [reflector])
  await attachBoth(daemon)
  await lab.eventually(
    'what is not wanted is gone',
    async () => {
      const routes = shown('ip route show table 1001') + shown('ip -f mpls route')
      const isGone = !routes.includes('10.0.9.0') && routes.match(/via inet/g)?.length === 2
      return isGone ? { value: routes } : { seen: routes }
    },
    120,
  )
  for (const flow of flows) {
    const { thereAndBack } = await flow.stop()
    console.log(`bagpipe-bgp, SIGKILL, chanter, IP VPN: ${lossText(thereAndBack)}`)
    expect(outageMs(thereAndBack)).toBeLessThan(1000)
  }
  expect(vrfs()).toEqual(before)
  expect(shown('ip rule')).not.toContain('bvrf-')
  for (const table of [1001, 1003])
    expect(shown(`ip route show table ${table} proto 19`)).not.toMatch(/encap mpls (?!.*metric 20)/)
  expect(shown('ip address show tap1')).toMatch(/10\.0\.1\.254\/24 scope global noprefixroute/)
  const { body } = await request(daemon.api, '/status')
  expect(body).toMatch(/bagpipe-bgp left and that still forward: (evpn2-ipvpn3|ipvpn3-evpn2), /)
}, 240_000)
