import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterNamespace } from '../../src/lab/namespace.ts'
import { type KernelNode, kernelNode, VTEP } from '../kernel/kernel-node.ts'
import { run } from '../kernel/namespace.ts'
import { addNamespaces, ip, nameOf, removeNamespaces } from './network.ts'

/** The underlay is a VLAN of a bond in a bridge; beside it are interfaces that cannot be ports. */
const MACHINE = [
  'link add eth0 type dummy',
  'link add bond0 type bond',
  'link set eth0 master bond0',
  'link add link bond0 name bond0.5 type vlan id 5',
  'link add br-ex up type bridge',
  'link set bond0.5 master br-ex',
  `address add ${VTEP}/24 dev br-ex`,
  'link add link bond0 name bond0.6 type vlan id 6',
  'link add gre1 type gre local 10.99.0.1 remote 10.99.0.2',
  'link add mgmt up type vrf table 77',
  'link add tap1 type dummy',
  'link add tap2 type dummy',
  'link set tap2 master mgmt',
]

let node: KernelNode
let leave: () => void

beforeAll(() => {
  run('modprobe -a 8021q bonding')
  addNamespaces('node')
  ip('node', ...MACHINE)
  leave = enterNamespace(nameOf('node'))
  node = kernelNode()
})

afterAll(async () => {
  await node.close()
  leave()
  removeNamespaces()
})

const body = (vpn_type: string, linuxif: string) => ({
  vpn_instance_id: `${vpn_type} of ${linuxif}`,
  vpn_type,
  import_rt: ['64512:1'],
  export_rt: ['64512:1'],
  mac_address: '02:00:00:00:01:01',
  ip_address: '192.168.10.1/24',
  gateway_ip: '192.168.10.254',
  local_port: { linuxif },
})

const CARRIES = 'carries br-ex, which has the tunnel address 10.99.0.1'

/** All links but for their carrier, which the kernel of the guest finds out late. */
const linksNow = () => run('ip -br link').replace(/(UNKNOWN|DOWN|UP) +|NO-CARRIER,|,LOWER_UP/g, '')

test.each([
  ['eth0', CARRIES],
  ['bond0', CARRIES],
  ['bond0.5', CARRIES],
  ['gre1', 'carries no Ethernet frames'],
  ['mgmt', 'is a vrf'],
  ['tap2', 'is in mgmt already: take it out (ip link set tap2 nomaster)'],
])('neither type of VPN takes %s', async (port, words) => {
  const links = linksNow()
  for (const type of ['evpn', 'ipvpn'])
    expect(await node.attach(body(type, port))).toContain(`400 local_port: ${port} ${words}`)
  expect(linksNow()).toBe(links)
  expect(node.reconciler.statuses.unremovedCount()).toBe(0)
})

test('both take what is only beside the underlay, once the interface below is up', async () => {
  expect(await node.attach(body('evpn', 'bond0.6'))).toBe(
    '400 cannot set up bond0.6: ENETDOWN: it is down, or the interface below it',
  )
  run('ip link set bond0 up')
  for (const [type, port] of [
    ['evpn', 'bond0.6'],
    ['ipvpn', 'tap1'],
  ] as const) {
    expect(await node.attach(body(type, port))).toBe('200')
    expect(await node.detach(body(type, port))).toBe('200')
  }
  expect(await node.faults()).toEqual([])
})

test('an IPv6 endpoint of a port where IPv6 is disabled is refused in words, and leaves nothing', async () => {
  run('sysctl -qw net.ipv6.conf.tap1.disable_ipv6=1')
  const endpoint = { ...body('ipvpn', 'tap1'), ip_address: '2001:db8::1/64', gateway_ip: '2001:db8::ff' }
  expect(await node.attach(endpoint)).toContain('cannot set up tap1: IPv6 is disabled on tap1')
  expect(node.reconciler.statuses.unremovedCount()).toBe(0)
  run('sysctl -qw net.ipv6.conf.tap1.disable_ipv6=0')
  expect(await node.attach(endpoint)).toBe('200')
  expect(await node.detach(endpoint)).toBe('200')
})
