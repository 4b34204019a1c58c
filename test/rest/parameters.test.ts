import { beforeEach, describe, expect, test } from 'vitest'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { type TestApi, testApi } from '../support/api.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'
import { attachRequest } from '../support/node.ts'

let api: TestApi

beforeEach(() => {
  api = testApi()
})

const attach = (changes: Record<string, unknown>) =>
  api.app.inject({
    method: 'POST',
    url: '/attach_localport',
    payload: JSON.stringify({ ...ATTACH_BODY, ...changes }),
  })
const detach = (changes: Record<string, unknown>) =>
  api.app.inject({
    method: 'POST',
    url: '/detach_localport',
    payload: JSON.stringify({ ...ATTACH_BODY, ...changes }),
  })

describe('a parameter that is wrong is named, with its value and the expected one', () => {
  test.each([
    ['vpn_instance_id', ''],
    ['vpn_instance_id', 7],
    ['vpn_instance_id', 'x'.repeat(248)],
    // in octets of UTF-8, not in characters
    ['vpn_instance_id', 'é'.repeat(124)],
    ['vpn_instance_id', '\u{1f600}'.repeat(62)],
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

describe('looking glass', () => {
  const get = async (path: string): Promise<unknown> =>
    (await api.app.inject({ url: path, headers: { host: 'node1:8082' } })).json()

  test('shows an instance with the keys of bagpipe-bgp', async () => {
    await attach({ description: 'port one', instance_description: 'the net' })
    expect(await get('/looking-glass/vpns/instances')).toEqual([
      {
        id: 'net1',
        name: 'EVI-1',
        description: 'the net',
        href: 'http://node1:8082/looking-glass/vpns/instances/net1',
      },
    ])
    expect(await get('/looking-glass/vpns/instances/net1')).toMatchObject({
      name: 'EVI-1',
      external_instance_id: 'net1',
      description: 'the net',
      instance_type: 'EVI',
      instance_dataplane_id: 100,
      gateway_ip: '192.168.10.254',
      gateway_port: null,
      subnet_prefix_length: 24,
      route_targets: { import: ['target:64512:10'], export: ['target:64512:10'] },
      readvertise: {},
      attract_traffic: {},
      fallback: null,
      internals: { subscriptions: ['match:l2vpn/evpn,target:64512:10'] },
      ports: { href: 'http://node1:8082/looking-glass/vpns/instances/net1/ports' },
    })
    expect(await get('/looking-glass/vpns/instances/net1/ports')).toEqual({
      gp1: {
        endpoints: [
          {
            label: 16,
            mac_address: '02:00:00:00:01:01',
            ip_address: '192.168.10.1/24',
            rd: '10.77.0.13:1',
            local_pref: null,
            direction: 'both',
            description: 'port one',
          },
        ],
      },
    })
    expect(await get('/looking-glass/vpns/instances/net1/dataplane/entries')).toContainEqual({
      entry: 'local-mac 02:00:00:00:01:01 on gp1',
      kind: 'local-mac',
      state: 'programmed',
      reason: null,
      code: null,
      errno: null,
      since: null,
      next_try: null,
      attempts: 0,
    })
    expect(await get('/looking-glass/vpns')).toMatchObject({
      instances_per_vni: { 100: { name: 'EVI-1', external_instance_id: 'net1' } },
    })
    expect(await get('/looking-glass/bgp/workers/EVI-1')).toMatchObject({ name: 'EVI-1' })
  })

  test('shows routes under their own text', async () => {
    await attach({})
    const routes = await get('/looking-glass/bgp/routes')
    expect(routes).toMatchObject({
      'ipv4/rtc,*': [{ 'rtc 64512:target:64512:10': { 'afi-safi': 'ipv4/rtc', next_hop: '10.77.0.13' } }],
      'l2vpn/evpn,*': [
        { 'evpn:multicast::10.77.0.13:1:0:10.77.0.13': {} },
        {
          'evpn:macadv::10.77.0.13:1:-:0:02:00:00:00:01:01/48:192.168.10.1: label 6 (100)': {
            'afi-safi': 'l2vpn/evpn',
            attributes: {
              'extended-community': '[ encap:VXLAN target:64512:10 ]',
              'local-preference': '100',
            },
            next_hop: '10.77.0.13',
            route_targets: ['target:64512:10'],
            source: { id: 'EVI-1', href: 'http://node1:8082/looking-glass/bgp/workers/EVI-1' },
          },
        },
      ],
    })
    expect(await get('/looking-glass/vpns/instances/net1/adv_routes')).toHaveLength(2)
  })

  test('shows peers that are not there yet', async () => {
    expect(await get('/looking-glass/bgp/peers')).toMatchObject([
      { id: '10.77.0.1', state: 'Idle', href: 'http://node1:8082/looking-glass/bgp/peers/10.77.0.1' },
    ])
    expect(await get('/looking-glass/bgp/peers/10.77.0.1')).toMatchObject({
      name: 'BGP-10.77.0.1',
      active_families: [],
    })
  })

  test('answers every link it gives', async () => {
    await attach({})
    const seen = new Set<string>()
    const visit = async (path: string): Promise<void> => {
      if (seen.has(path)) return
      seen.add(path)
      const response = await api.app.inject({ url: path, headers: { host: 'node1:8082' } })
      expect(response.statusCode, path).toBe(200)
      for (const [, href] of response.body.matchAll(/"href":"http:\/\/node1:8082([^"]+)"/g)) {
        if (!href!.endsWith('/workers/RTC')) await visit(href!)
      }
    }
    await visit('/looking-glass')
    expect(seen.size).toBeGreaterThan(25)
  })

  test('knows no member of JavaScript’s objects', async () => {
    for (const path of [
      '/looking-glass/constructor',
      '/looking-glass/summary/__proto__',
      '/looking-glass/bgp/peers/toString',
    ]) {
      expect((await api.app.inject(path)).statusCode, path).toBe(404)
    }
  })
})

describe('an IP VPN', () => {
  const ipvpn = { vpn_type: 'ipvpn', vpn_instance_id: 'ip1' }

  test.each(['ip_address', 'gateway_ip'])('needs %s', async (name) => {
    const response = await attach({ ...ipvpn, [name]: undefined })
    expect(response.statusCode).toBe(400)
    expect(response.json().description).toBe(
      `API error: Missing parameter: '${name}': expected an IP address`,
    )
  })

  test('may be without gateway, which agents have null for', async () => {
    expect((await attach({ ...ipvpn, gateway_ip: null })).statusCode).toBe(200)
    const shown = await api.app.inject('/looking-glass/vpns/instances/ip1')
    expect(shown.json()).toMatchObject({ gateway_ip: null })
    expect((await detach({ ...ipvpn, gateway_ip: null })).statusCode).toBe(200)
  })

  test('attracts no traffic, and the answer explains how to attach without', async () => {
    const response = await attach({ ...ipvpn, attract_traffic: { to_rt: ['64512:1'] } })
    expect([response.statusCode, response.json().description]).toEqual([
      400,
      expect.stringMatching(/^API error: 'attract_traffic' cannot be granted, .*: leave it out/),
    ])
    expect(api.vpns.instances.size).toBe(0)
    for (const nothing of [null, {}])
      expect((await attach({ ...ipvpn, attract_traffic: nothing })).statusCode).toBe(200)
  })

  test('has a fallback that is shown and kept until another is set, and that Linux does not serve', async () => {
    const shown = async () => (await api.app.inject('/looking-glass/vpns/instances/ip1')).json().fallback
    const problems = async () => (await api.app.inject('/status')).json().problems
    const fallback = { dst_mac: 'fa:16:3e:00:00:99', src_mac: '00:00:5e:2a:10:00', ovs_port_number: 3 }
    expect((await attach(ipvpn)).statusCode).toBe(200)
    expect(await shown()).toBeNull()
    expect((await attach({ ...ipvpn, fallback })).statusCode).toBe(200)
    expect((await attach({ ...ipvpn, fallback: null })).statusCode).toBe(200)
    expect((await attach({ ...ipvpn, fallback: {} })).statusCode).toBe(200)
    expect(await shown()).toEqual(fallback)
    expect(api.vpns.snapshot().instances).toMatchObject([{ id: 'ip1', fallback }])
    expect(await problems()).toContainEqual(
      expect.stringMatching(/^ip1: fallback is not served by the linux driver/),
    )
  })

  test('is detached twice, and a third time, as agents do when a port is deleted', async () => {
    await attach(ipvpn)
    const other = { ...ipvpn, mac_address: '02:00:00:00:01:02', ip_address: '192.168.10.2/24' }
    await attach({ ...other, local_port: 'gp2' })
    for (let time = 0; time < 3; time++) expect((await detach(ipvpn)).statusCode).toBe(200)
    for (let time = 0; time < 2; time++) expect((await detach(other)).statusCode).toBe(200)
    expect(api.vpns.instances.size).toBe(0)
    expect((await detach(ipvpn)).statusCode).toBe(200)
    // what was never attached is a mistake
    expect((await detach({ ...ipvpn, ip_address: '192.168.10.3' })).statusCode).toBe(400)
    expect((await detach({ ...ipvpn, vpn_instance_id: 'ip2' })).statusCode).toBe(400)
  })

  describe('that advertises routes again', () => {
    const shown = async () => (await api.app.inject('/looking-glass/vpns/instances/ip1')).json()
    const TARGETS =
      'expected a list of route targets (asn:nn or a.b.c.d:nn), or one string with commas between them'

    test.each([
      ['lists', ['64512:1', '10.0.0.1:5'], ['64512:2'], ['target:64512:1', 'target:10.0.0.1:5']],
      ['strings with commas', '64512:1, 64512:3', '64512:2', ['target:64512:1', 'target:64512:3']],
    ])('takes its targets as %s, shows and keeps them', async (_form, from_rt, to_rt, from) => {
      const expected = { from, to: ['target:64512:2'] }
      expect((await attach({ ...ipvpn, readvertise: { from_rt, to_rt } })).statusCode).toBe(200)
      expect(await shown()).toMatchObject({
        readvertise: expected,
        readvertised: { href: expect.anything() },
      })
      expect((await shown()).internals.subscriptions).toContain(`match:ipv4/mpls-vpn,${from[1]}`)
      for (const readvertise of [undefined, null, {}]) {
        expect((await attach({ ...ipvpn, readvertise })).statusCode).toBe(200)
        expect((await shown()).readvertise).toEqual(expected)
      }
    })

    test.each([
      [{ from_rt: [], to_rt: [] }],
      [{ from_rt: [], to_rt: '64512:2' }],
      [{ from_rt: ['64512:1'], to_rt: '' }],
    ])('does no more by %j', async (readvertise) => {
      await attach({ ...ipvpn, readvertise: { from_rt: ['64512:1'], to_rt: ['64512:2'] } })
      expect((await attach({ ...ipvpn, readvertise })).statusCode).toBe(200)
      expect((await shown()).readvertise).toEqual({})
    })

    test.each([
      [7, "'readvertise' is 7: expected an object with route targets as"],
      [['64512:1'], `'readvertise' is ["64512:1"]: expected an object with route targets as`],
      [{ to_rt: ['64512:2'] }, `Missing parameter: 'readvertise.from_rt': ${TARGETS}`],
      [{ from_rt: '64512:1' }, `Missing parameter: 'readvertise.to_rt': ${TARGETS}`],
      [{ from_rt: ['x'], to_rt: [] }, `'readvertise.from_rt' is ["x"]: ${TARGETS}`],
      [{ from_rt: '', to_rt: { a: 1 } }, `'readvertise.to_rt' is {"a":1}: ${TARGETS}`],
    ])('refuses %j and stays as it was', async (readvertise, reason) => {
      await attach({ ...ipvpn, readvertise: { from_rt: ['64512:1'], to_rt: ['64512:2'] } })
      const before = await shown()
      const response = await attach({ ...ipvpn, readvertise, import_rt: [] })
      expect(response.statusCode).toBe(400)
      expect(response.json().description).toContain(`API error: ${reason}`)
      expect(await shown()).toEqual(before)
    })
  })

  describe('with an EVPN instance as its port', () => {
    const plugged = (id: unknown) => ({
      ...ipvpn,
      vni: 0,
      local_port: { evpn: { id, ovs_port_name: 'x' }, ovs: {} },
    })

    test('is attached and detached', async () => {
      expect((await attach({})).statusCode).toBe(200)
      expect((await attach(plugged('net1'))).statusCode).toBe(200)
      const shown = (await api.app.inject('/looking-glass/vpns/instances/ip1/ports')).json()
      expect(Object.values(shown)).toMatchObject([{ evpn: 'net1' }])
      expect((await detach({ ...ipvpn, local_port: {} })).statusCode).toBe(200)
      expect((await detach({})).statusCode).toBe(200)
    })

    test.each([
      ['an id', plugged(undefined), `'local_port' is {"evpn":{"ovs_port_name":"x"},"ovs":{}}: expected `],
      [
        'an id that is text',
        plugged(7),
        `'local_port' is {"evpn":{"id":7,"ovs_port_name":"x"},"ovs":{}}: expected `,
      ],
      [
        'the id of an EVPN instance that is there',
        plugged('net9'),
        'evpn.id is "net9": expected the id of an EVPN instance',
      ],
      ['the id of an EVPN instance', plugged('ip9'), 'evpn.id is "ip9": expected the id of an EVPN instance'],
      [
        'to be an IP VPN',
        { ...plugged('net1'), vpn_type: 'evpn' },
        'local_port: only an ipvpn can be joined',
      ],
    ])('needs %s', async (_what, body, reason) => {
      await attach({ ...ipvpn, vpn_instance_id: 'ip9' })
      const before = (await api.app.inject('/looking-glass/vpns/instances')).json()
      const response = await attach(body)
      expect(response.statusCode).toBe(400)
      expect(response.json().description).toContain(reason)
      expect((await api.app.inject('/looking-glass/vpns/instances')).json()).toEqual(before)
      await detach({ ...ipvpn, vpn_instance_id: 'ip9' })
    })
  })

  test('takes a gateway with the length of its prefix', async () => {
    expect((await attach({ ...ipvpn, gateway_ip: '192.168.10.254/24' })).statusCode).toBe(200)
    const shown = (await api.app.inject('/looking-glass/vpns/instances/ip1')).json()
    expect(shown).toMatchObject({ gateway_ip: '192.168.10.254', instance_type: 'VRF' })
  })
})
