import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { formatMac } from '../../src/values/mac.ts'
import { attach, type Customer, Fleet } from './fleet.ts'
import { addCable, ip, runIn, setSysctl } from './network.ts'

const CLIENTS = ['64512:1']
const SERVERS = ['64512:2']

let fleet: Fleet
let client: Customer
let server: Customer
/** Both ports of one VM. */
let left: Customer
let right: Customer

/** A second port of a VM, in a subnet of its own. */
function addPort(vm: Customer, n: number, subnet: number): Customer {
  const mac = vm.mac + 0x100
  const subnets = [
    { address: `10.0.${subnet}.${n}/24`, gateway: `10.0.${subnet}.254` },
    { address: `2001:db8:${subnet}::${n}/64`, gateway: `2001:db8:${subnet}::ffff` },
  ]
  const port = `tap${n}b`
  addCable([vm.home.namespace, port], [vm.namespace, 'eth1'])
  ip(vm.namespace, `link set eth1 address ${formatMac(mac)}`)
  for (const { address } of subnets)
    ip(vm.namespace, `address add ${address} dev eth1${address.includes(':') ? ' nodad' : ''}`)
  return { ...vm, mac, address: subnets[0]!.address, port, subnets }
}

/** A client and a server at nodes of their own, a VM that routes between its ports at a third one. */
beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  const hosts = ['pe1', 'pe2', 'pe3'].map((name, i) => fleet.addHost(name, i + 2)) as [
    LabHost,
    LabHost,
    LabHost,
  ]
  client = fleet.addCustomer(hosts[0], 1, 1)
  left = fleet.addCustomer(hosts[1], 2, 10)
  right = addPort(left, 2, 20)
  server = fleet.addCustomer(hosts[2], 3, 3)
  setForwarding(1)
  // its default routes lead to the clients
  ip(
    left.namespace,
    'route add 10.0.3.0/24 via 10.0.20.254',
    'route add 2001:db8:3::/64 via 2001:db8:20::ffff',
  )
  const daemons: LabDaemon[] = []
  // one after the other, for the guest has one CPU
  for (const host of hosts) {
    const others = hosts.filter((other) => other !== host)
    daemons.push(await fleet.startDaemon(host, others))
  }
  const [one, two, three] = daemons
  await attach(one!, client, { imports: CLIENTS, exports: CLIENTS })
  await attach(three!, server, { imports: SERVERS, exports: SERVERS })
  const readvertise = (from_rt: readonly string[], to_rt: readonly string[]) => ({ from_rt, to_rt })
  const [toClients, toServers] = [readvertise(SERVERS, CLIENTS), readvertise(CLIENTS, SERVERS)]
  await attach(two!, left, { imports: CLIENTS, exports: [], readvertise: toClients }, 'left')
  await attach(two!, right, { imports: SERVERS, exports: [], readvertise: toServers }, 'right')
})

afterAll(() => fleet.lab.close())

function setForwarding(on: 0 | 1): void {
  for (const family of ['ipv4', 'ipv6']) setSysctl(left.namespace, `net/${family}/conf/all/forwarding`, on)
}

test('clients and servers of two VPNs reach each other through a VM between them, IPv4 and IPv6', async () => {
  await fleet.reaches(client, server)
  await fleet.reaches(server, client)
})

test('and by no other path', async () => {
  setForwarding(0)
  for (const { address } of server.subnets)
    expect(() => runIn(client.namespace, `ping -c 1 -W 1 ${address.split('/')[0]}`)).toThrow()
  setForwarding(1)
  await fleet.reaches(client, server)
})
