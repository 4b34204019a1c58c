import { describe, expect, test } from 'vitest'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'
import { attachRequest } from '../support/node.ts'
import { api, attach, detach } from './parameters-setup.ts'

describe('a parameter that is wrong is named, with its value and the expected one', () => {
  test.each([
    ['vpn_instance_id', ''],
    ['vpn_instance_id', 7],
    ['vpn_instance_id', 'x'.repeat(248)],
    // in octets of UTF-8, not in characters
    ['vpn_instance_id', 'é'.repeat(124)],
    ['vpn_instance_id', '\u{1f600}'.repeat(62)],
    ['vpn_instance_id', 'net\ud800'],
    ['vpn_type', 'l2vpn'],
    ['vpn_type', null],
    ['mac_address', '02:00:00:00:01'],
    ['mac_address', 'ff:ff:ff:ff:ff:ff'],
    ['mac_address', '00:00:00:00:00:00'],
    ['mac_address', ['02:00:00:00:01:01']],
    ['ip_address', '192.168.10.256'],
    ['ip_address', '192.168.10.1/33'],
    ['ip_address', 3232238081],
    ['gateway_ip', 'gateway'],
    ['local_port', 7],
    ['local_port', {}],
    ['local_port', { linuxif: 'x'.repeat(256) }],
    ['local_port', { linuxif: 'tap\udc00' }],
    ['local_port', { evpn: { id: 'net\ud800' } }],
    ['local_port', { ovs: { plugged: true, port_number: 2 } }],
    ['fallback', 'the router'],
    ['fallback', ['fa:16:3e:00:00:99']],
    ['import_rt', '64512'],
    ['import_rt', ['64512:10', 'x']],
    ['import_rt', [64512]],
    ['import_rt', { rt: '64512:10' }],
    ['export_rt', ['4294967296:1']],
    ['export_rt', ['65536:65536']],
    ['export_rt', null],
    ['vni', -1],
    ['vni', 16_777_216],
    ['vni', '100'],
    ['vni', 1.5],
    ['local_pref', -1],
    ['local_pref', 'high'],
    ['direction', 'sideways'],
    ['linuxbr', 'br/0'],
    ['linuxbr', 'br\ud800'],
  ])('%s: %j', async (name, value) => {
    const response = await attach({ [name]: value })
    expect(response.statusCode).toBe(400)
    const { description } = response.json()
    expect(description).toContain(`'${name}'`)
    expect(description).toMatch(/: expected \w/)
    if (value !== null) expect(description).toContain(JSON.stringify(value).slice(0, 100))
    expect(api.vpns.instances.size).toBe(0)
    expect([...api.reconciler.statuses.entries()]).toEqual([])
  })

  test.each(['vpn_instance_id', 'vpn_type', 'mac_address', 'local_port', 'import_rt', 'export_rt'])(
    '%s: missing',
    async (name) => {
      const response = await attach({ [name]: undefined })
      expect([response.statusCode, response.json().description]).toEqual([
        400,
        expect.stringContaining(`Missing parameter: '${name}'`),
      ])
    },
  )

  test.each([
    [{ linuxif: 'a name with blanks' }, /^local_port: "a name with blanks" .*: expected the name of a Linux/],
    [{ linuxif: 'sixteen-octets-x' }, /^local_port: "sixteen-octets-x" .*: expected the name of a Linux/],
    ['../../etc', /^local_port: "\.\.\/\.\.\/etc" .*: expected the name of a Linux/],
    [{ linuxif: 'patch2tun:31' }, /^local_port: "patch2tun:31" .*: expected the name of a Linux/],
    [
      { linuxif: 'gp1', ovs: { plugged: true, port_number: 2, vlan: 31 } },
      /^local_port: "ovs" and "vlan" describe a port of Open vSwitch, .* driver of this node is linux: expected/,
    ],
    [{ linuxif: 'gp1', vlan: 31 }, /describe a port of Open vSwitch/],
  ])('a port that Linux cannot have: %j', async (local_port, reason) => {
    const response = await attach({ local_port })
    expect([response.statusCode, response.json().description]).toEqual([400, expect.stringMatching(reason)])
    expect(api.vpns.instances.size).toBe(0)
  })

  test('an interface that does not exist', async () => {
    const response = await attach({ local_port: 'gp99' })
    expect([response.statusCode, response.json().description]).toEqual([400, 'interface gp99 does not exist'])
  })

  test('a body that is too large', async () => {
    const response = await attach({ description: 'x'.repeat(2_000_000) })
    expect(response.statusCode).toBe(413)
  })
})

describe('an address that no host can have', () => {
  const ipvpn = { vpn_type: 'ipvpn', vpn_instance_id: 'ip1' }

  const REFUSED = [
    ['ip_address', '0.0.0.0', 'the unspecified address'],
    ['ip_address', '0.1.2.3/24', 'an address of 0.0.0.0/8'],
    ['ip_address', '127.0.0.1/8', 'a loopback address'],
    ['ip_address', '224.0.0.1/24', 'a multicast address'],
    ['ip_address', '240.0.0.1', 'a reserved address of 240.0.0.0/4'],
    ['ip_address', '255.255.255.255', 'the limited broadcast address'],
    ['ip_address', '192.168.10.0/24', 'the network address of 192.168.10.0/24'],
    ['ip_address', '192.168.10.255/24', 'the broadcast address of 192.168.10.0/24'],
    ['ip_address', '192.168.10.7/30', 'the broadcast address of 192.168.10.4/30'],
    ['ip_address', '::', 'the unspecified address'],
    ['ip_address', '::1/64', 'a loopback address'],
    ['ip_address', 'ff02::1', 'a multicast address'],
    ['ip_address', '::ffff:10.0.3.3', 'an IPv4-mapped address'],
  ] as const
  const GATEWAYS = [
    ['gateway_ip', '0.0.0.0', 'the unspecified address'],
    ['gateway_ip', '224.0.0.1', 'a multicast address'],
    ['gateway_ip', '127.0.0.1', 'a loopback address'],
    ['gateway_ip', '192.168.10.255', 'the broadcast address of 192.168.10.0/24'],
    ['gateway_ip', '192.168.10.0/24', 'the network address of 192.168.10.0/24'],
  ] as const

  test.each([
    ...REFUSED.map((one) => ['evpn', ATTACH_BODY, ...one] as const),
    ...[...REFUSED, ...GATEWAYS].map((one) => ['ipvpn', ipvpn, ...one] as const),
  ])('is refused for an %s (%j) as %s: %s is %s', async (_type, vpn, name, value, reason) => {
    const response = await attach({ ...vpn, [name]: value })
    expect([response.statusCode, response.json().description]).toEqual([
      400,
      `API error: '${name}' is "${value}", ${reason}: expected an address that a host can have`,
    ])
    expect(api.vpns.instances.size).toBe(0)
    expect([...api.reconciler.statuses.entries()]).toEqual([])
  })

  test.each([
    ['both ends of a /31', { ip_address: '192.168.10.0/31', gateway_ip: '192.168.10.1' }],
    ['one of a /32', { ip_address: '192.168.10.0/32' }],
    ['a link-local one', { ip_address: 'fe80::1/64', gateway_ip: 'fe80::ff' }],
    ['the first of an IPv6 subnet', { ip_address: '2001:db8::/64', gateway_ip: '2001:db8::1' }],
    [
      'the last of an IPv6 subnet',
      { ip_address: '2001:db8::1/64', gateway_ip: '2001:db8::ffff:ffff:ffff:ffff' },
    ],
  ])('is not %s', async (_, changes) => {
    for (const vpn of [ATTACH_BODY, ipvpn]) {
      expect((await attach({ ...vpn, ...changes })).statusCode).toBe(200)
      expect((await detach({ ...vpn, ...changes })).statusCode).toBe(200)
    }
  })

  test('is the address of a network whose whole subnet is advertised, as for the prefix of a port association', async () => {
    const subnet = { ...ipvpn, ip_address: '40.0.0.0/24', advertise_subnet: true, direction: 'to-port' }
    expect((await attach(subnet)).statusCode).toBe(200)
    expect((await attach({ ...subnet, advertise_subnet: false })).statusCode).toBe(400)
    expect((await detach(subnet)).statusCode).toBe(200)
  })

  test('may still be detached where an earlier version took it', async () => {
    const broadcast = parseInterfaceAddress('192.168.10.255/24')!
    await api.vpns.attach(attachRequest({ port: 'gp1', ip: broadcast }))
    expect((await detach({ ip_address: '192.168.10.255/24' })).statusCode).toBe(200)
    expect(api.vpns.instances.size).toBe(0)
  })
})

describe('every form that a parameter may take', () => {
  test.each([
    ['a port by its name', { local_port: 'gp1' }],
    ['an id of 247 octets', { vpn_instance_id: `${'é'.repeat(123)}x` }],
    ['route targets with commas', { import_rt: '64512:10, 64512:11', export_rt: '64512:10' }],
    ['4-octet AS numbers and addresses in route targets', { import_rt: ['4200000000:7', '10.0.0.1:7'] }],
    ['no route targets', { import_rt: [], export_rt: '' }],
    ['an address without prefix length', { ip_address: '192.168.10.1' }],
    ['IPv6', { ip_address: '2001:db8::1/64', gateway_ip: '2001:db8::ffff' }],
    ['no address at all', { ip_address: undefined, gateway_ip: undefined }],
    ['VNI 0 for none', { vni: 0 }],
    [
      'null for what is optional',
      { vni: null, gateway_ip: null, linuxbr: null, local_pref: null, readvertise: null },
    ],
    ['any description', { description: { a: [1, null] }, instance_description: 7 }],
    ['a MAC as Cisco spells it', { mac_address: '0200.0000.0101' }],
    ['unknown keys', { frobnicate: true, __proto__: { x: 1 } }],
  ])('%s', async (_, changes) => {
    const response = await attach(changes)
    expect([response.statusCode, response.body]).toEqual([200, 'null'])
    expect((await detach(changes)).statusCode).toBe(200)
    expect(api.vpns.instances.size).toBe(0)
  })
})
