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
const PACKETS_A_SECOND = 100

const addressOf = (n: number) => `10.0.${n}.5`

let fleet: Fleet
let hosts: readonly [LabHost, LabHost]
let vms: readonly [Vm, Vm]
let bagpipe: LabDaemon

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  hosts = [fleet.addHost('pe1', 11), fleet.addHost('pe2', 12)]
  vms = [addVm(hosts[0], 1), addVm(hosts[1], 2)]
  await startChanterReflector(fleet.lab, fleet.reflector, AS)
  await attach(await fleet.startDaemon(hosts[1], [fleet.reflector], { BGP: { vanished_time: 300 } }), vms[1])
  const drivers = { evpn: 'dummy', mpls: 'core' } as const
  bagpipe = await startBagpipe(fleet.lab, hosts[0], fleet.reflector.address, AS, drivers)
  await session(fleet.lab, bagpipe, fleet.reflector.address, true)
  await attach(bagpipe, vms[0])
  await fleet.reachesAddress(vms[0], addressOf(2))
}, 400_000)

afterAll(() => fleet.lab.close())

/** A VM with IPv4 alone, as bagpipe-bgp serves it. */
function addVm({ namespace: host }: LabHost, n: number): Vm {
  const name = `vm${n}`
  const namespace = fleet.lab.addNamespace(name)
  const [mac, address, port] = [0x020000000100 + n, `${addressOf(n)}/24`, `tap${n}`]
  addVeth([host, port], [namespace, 'eth0'])
  ip(namespace, `link set eth0 address ${formatMac(mac)}`, `address add ${address} dev eth0`)
  ip(namespace, `route add default via 10.0.${n}.254`)
  return { name, namespace, mac, address, port }
}

async function attach({ api, process }: LabDaemon, { mac, address, port, name }: Vm): Promise<void> {
  const answer = await request(api, '/attach_localport', {
    vpn_instance_id: 'red',
    vpn_type: 'ipvpn',
    import_rt: ['64512:10'],
    export_rt: ['64512:10'],
    mac_address: formatMac(mac),
    ip_address: address,
    gateway_ip: `10.0.${name.slice(2)}.254`,
    local_port: { linuxif: port },
  })
  if (answer.status !== 200) throw new Error(`attach: ${answer.status} ${answer.body} ${process.tail(40)}`)
}

const shown = (command: string) => runIn(hosts[0].namespace, command)

test('chanter takes over an IP VPN of a bagpipe-bgp that was killed, while packets flow', async () => {
  const { lab, reflector } = fleet
  const [, index] = /^(\d+): bvrf-1:/m.exec(shown('ip link show type vrf')) ?? []
  // as of a route that is withdrawn while no daemon runs
  ip(
    hosts[0].namespace,
    `route add table 1001 10.0.9.0/24 encap mpls 99 via ${hosts[1].address} dev core proto 19`,
  )
  const flow = await Flow.start(lab, vms[1], vms[0], PACKETS_A_SECOND)
  await bagpipe.process.stop('SIGKILL')
  const daemon = await fleet.startDaemon(hosts[0], [reflector])
  await attach(daemon, vms[0])
  await lab.eventually(
    'what is not wanted is gone',
    async () => {
      const routes = shown('ip route show table 1001')
      return routes.includes('10.0.9.0') ? { seen: routes } : { value: routes }
    },
    90,
  )
  const { thereAndBack } = await flow.stop()
  console.log(`bagpipe-bgp, SIGKILL, chanter, IP VPN: ${lossText(thereAndBack)}`)
  expect(outageMs(thereAndBack)).toBeLessThan(1000)
  expect(shown('ip -o link show type vrf')).toMatch(
    new RegExp(`^${index}: bvrf-1: .* alias chanter:red$`, 'm'),
  )
  expect(shown('ip rule')).not.toContain('bvrf-1')
  expect(shown('ip -f mpls route').trim().split('\n')).toHaveLength(1)
  expect(shown('ip route show table 1001 proto 19')).not.toMatch(/encap mpls (?!.*metric 20)/)
  expect(shown('ip address show tap1')).toMatch(/10\.0\.1\.254\/24 metric 20 scope global noprefixroute/)
  const { body } = await request(daemon.api, '/status')
  expect(body).not.toContain('bagpipe-bgp left')
}, 240_000)
