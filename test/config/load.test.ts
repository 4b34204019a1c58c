import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/finding.ts'
import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import { formatIp } from '../../src/values/address.ts'
import { RANGES } from '../support/ranges.ts'
import { BASE, load } from './load-setup.ts'

describe('a small file', () => {
  test('has every default', () => {
    const { config, warnings, notes } = load(BASE)
    expect(config.bgp).toEqual({
      localAddress: '\xc0\x00\x02\x01',
      identifier: '\xc0\x00\x02\x01',
      peers: [],
      asNumber: 64512,
      routeTargetConstraint: true,
      gracefulRestartSeconds: 120,
      headlessSeconds: 86_400,
      vanishedSeconds: 15,
      listenPort: 179,
      vtepNetworks: [],
      reflector: false,
      dynamicPeers: [],
    })
    expect(config.api).toEqual({
      host: '127.0.0.1',
      port: 8082,
      socket: null,
      token: null,
      tls: null,
      allowedHosts: [],
      unprotected: false,
      requestRate: 100,
    })
    expect(config.evpn).toEqual({
      driver: 'dummy',
      localAddress: config.bgp.localAddress,
      vxlanPort: 4789,
      mobility: MOBILITY_DEFAULTS,
      vxlanMtu: null,
      neighSuppress: true,
      requireIsolation: false,
    })
    expect(config.ipvpn).toEqual({
      driver: 'dummy',
      localAddress: config.bgp.localAddress,
      transport: { interface: 'lo' },
      fromAnyone: false,
      managesRules: true,
      ranges: RANGES,
    })
    expect(config.log).toEqual({
      debug: false,
      file: null,
      rotation: { by: 'none' },
      stderr: false,
      syslog: false,
      journal: false,
      facility: 1,
    })
    expect(config.stateFile).toBe('/var/lib/chanter/state')
    expect({ warnings, notes }).toEqual({ warnings: [], notes: [] })
  })

  test('may limit the networks of VTEPs and provider edges', () => {
    const { config, warnings } = load(`${BASE}vtep_networks = 10.99.1.2/16, fd99::/48\n`)
    const networks = config.bgp.vtepNetworks.map(({ ip, prefixLength }) => `${formatIp(ip)}/${prefixLength}`)
    expect([networks, warnings]).toEqual([['10.99.1.2/16', 'fd99::/48'], []])
    expect(() => load(`${BASE}vtep_networks = 10.99.0.0\n`)).toThrow(/vtep_networks.*prefixes such as/)
  })

  test('is shown in force as bagpipe-bgp shows it', () => {
    const { config } = load(`${BASE}peers = 192.0.2.9\n`)
    expect(JSON.parse(JSON.stringify(config.effective))).toEqual({
      BGP: {
        local_address: '192.0.2.1',
        router_id: null,
        peers: ['192.0.2.9'],
        my_as: 64512,
        peer_as: null,
        ebgp_policy: 'reject',
        enable_rtc: true,
        passive: false,
        bgp_port: 179,
        hold_time: 90,
        graceful_restart_time: 120,
        headless_time: 86400,
        vanished_time: 15,
        listen: true,
        listen_port: 179,
        reflector: false,
        reflector_clients: [],
        connect_retry_time: 5,
        md5_key_file: null,
        ttl_security_hops: null,
        max_prefixes: null,
        vtep_networks: [],
        add_path: true,
      },
      API: {
        host: '127.0.0.1',
        port: 8082,
        socket: null,
        socket_mode: '0660',
        socket_group: null,
        token_file: null,
        tls_cert_file: null,
        tls_key_file: null,
        tls_client_ca_file: null,
        request_rate: 100,
        allowed_hosts: [],
        unprotected: 'no',
      },
      DATAPLANE_DRIVER_EVPN: {
        dataplane_driver: 'dummy',
        dataplane_local_address: null,
        vxlan_dst_port: 4789,
        mac_duplicate_moves: 5,
        mac_duplicate_window: 180,
        mac_duplicate_recovery: 1800,
        vxlan_mtu: null,
        neigh_suppress: true,
        require_isolation: false,
      },
      DATAPLANE_DRIVER_IPVPN: {
        dataplane_driver: 'dummy',
        dataplane_local_address: null,
        label_range: '16-1048574',
        table_range: '1001-65535',
        tunnels_from_anyone: false,
        vrf_prefix: 'bvrf-',
        vrf_rules: true,
      },
      COMMON: { root_helper: 'sudo', root_helper_daemon: null },
    })
  })
})

test('an IPv6 local_address needs a router_id beside it', () => {
  const text = '[BGP]\nlocal_address = 2001:db8::5\nmy_as = 64512\n'
  expect(() => load(text)).toThrow(
    new ConfigError(
      'bgp.conf line 2: [BGP] router_id is missing: expected an IPv4 address, since local_address is IPv6',
    ),
  )
  expect(load(`${text}router_id = 192.0.2.7\n`).config.bgp.identifier).toBe('\xc0\x00\x02\x07')
})

test('values are native in the configuration, and in one spelling where they are shown', () => {
  const { config } = load(
    `${BASE}peers = 2001:DB8:0::2, 2001:db8::2, 192.0.2.9\nvtep_networks = FD99:0::/48\n[BGP_PEER:2001:db8::2]\nlocal_address = eth1\n[DATAPLANE_DRIVER_IPVPN]\nlabel_range = 500 - 600\nmpls_interface = *gre*\n`,
  )
  expect(config.bgp.peers.map(({ address, localAddress }) => [address, localAddress].map(formatIp))).toEqual([
    ['2001:db8::2', '2001:db8::8'],
    ['192.0.2.9', '192.0.2.1'],
  ])
  expect(config.ipvpn).toMatchObject({ transport: { tunnels: 'gre' }, ranges: { labels: [500, 600] } })
  expect(JSON.parse(JSON.stringify(config.effective))).toMatchObject({
    BGP: { peers: ['2001:db8::2', '192.0.2.9'], vtep_networks: ['fd99::/48'] },
    DATAPLANE_DRIVER_IPVPN: { label_range: '500-600', table_range: '1001-65535', mpls_interface: '*gre*' },
    'BGP_PEER:2001:db8::2': { local_address: '2001:db8::8' },
  })
})

describe('IP VPN in the kernel', () => {
  const linux =
    '[BGP]\nlocal_address = 192.0.2.7\nmy_as = 64512\n[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = linux\n'

  test('needs an interface that carries MPLS, or tunnels', () => {
    expect(() => load(linux)).toThrow(
      new ConfigError(
        'bgp.conf line 5: [DATAPLANE_DRIVER_IPVPN] mpls_interface is missing: expected the interface that carries MPLS, *gre* or *udp*',
      ),
    )
    expect(load(`${linux}mpls_interface = eth1\n`).config.ipvpn.transport).toEqual({ interface: 'eth1' })
    for (const tunnels of ['gre', 'udp'])
      expect(load(`${linux}mpls_interface = *${tunnels}*\n`).config.ipvpn.transport).toEqual({ tunnels })
  })

  test('takes labels and tables of the machine from ranges', () => {
    const given = load(
      `${linux}mpls_interface = eth1\nlabel_range = 5000-5999\ntable_range = 300 - 400\nvrf_prefix = vpn\n`,
    )
    expect(given.config.ipvpn.ranges).toEqual({ labels: [5000, 5999], tables: [300, 400], vrfPrefix: 'vpn' })
    const unsaid = load(`${linux}mpls_interface = eth1\n`)
    expect(unsaid.config.ipvpn.ranges).toEqual(RANGES)
    expect(() => load(`${linux}mpls_interface = eth1\nlabel_range = 3-100\n`)).toThrow(
      /label_range = "3-100": expected two integers from 16 to 1048574 with a hyphen/,
    )
    expect(() => load(`${linux}mpls_interface = eth1\ntable_range = 400-300\n`)).toThrow(
      /the first is greater than the last/,
    )
    expect(() => load(`${linux}mpls_interface = eth1\nvrf_prefix = a/b\n`)).toThrow(/vrf_prefix/)
  })
})

describe('unknown options are ignored with a warning', () => {
  test.each([
    [
      '[BGP]\nmy_ass = 1',
      'bgp.conf line 5: unknown option [BGP] my_ass (did you mean my_as?); it is ignored',
    ],
    ['[BGP]\nMY_AS = 1', 'bgp.conf line 5: unknown option [BGP] MY_AS (did you mean my_as?); it is ignored'],
    ['[BGP]\nfoo = 1', 'bgp.conf line 5: unknown option [BGP] foo; it is ignored'],
    [
      '[API]\nhold_time = 9',
      'bgp.conf line 5: unknown option [API] hold_time (it belongs in [BGP]); it is ignored',
    ],
    ['[database]\nmy_as = 1', 'bgp.conf line 4: unknown section [database]; it is ignored'],
    [
      '[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = linux\ndataplane_drivr = dummy',
      'bgp.conf line 6: unknown option [DATAPLANE_DRIVER_EVPN] dataplane_drivr (did you mean dataplane_driver?); it is ignored',
    ],
  ])('%j', (text, warning) => {
    const { config, warnings } = load(`${BASE}${text}\n`)
    expect(warnings).toEqual([warning])
    expect(config.warnings).toEqual([warning])
    expect(config.bgp.asNumber).toBe(64512)
  })

  test('options that chanter has no use for are only noted, and older names', () => {
    const { warnings, notes } = load(
      `${BASE}[privsep]\nhelper_command = sudo\n[COMMON]\nroot_helper = sudo\n[DEFAULT]\nuse_json = True\nlogfile =\n`,
    )
    expect(warnings).toEqual([])
    expect(notes).toEqual([
      'bgp.conf line 5: [privsep] helper_command is not applicable: it belongs to a library of bagpipe-bgp, or to Neutron',
      'bgp.conf line 7: [COMMON] root_helper is not applicable: the kernel is programmed through netlink, without commands',
      'bgp.conf line 9: [DEFAULT] use_json is not applicable: the log is JSON, one object a line, with times of RFC 3339 in UTC',
      'bgp.conf line 10: [DEFAULT] logfile is deprecated: write log_file',
    ])
  })
})

test("bagpipe-bgp's template needs no change", () => {
  const template = `[BGP]
local_address=eth0
#local_address=192.168.100.177
peers=192.168.0.101
my_as=64512
enable_rtc=True

[COMMON]
#   to be run as root.
#root_helper = sudo

[API]
host=localhost
port=8082

[DATAPLANE_DRIVER_IPVPN]
dataplane_driver = dummy
mpls_interface=*gre*
#gre_tunnel_options="packet_type=legacy_l3"

[DATAPLANE_DRIVER_EVPN]
dataplane_driver = linux
`
  const { config, warnings, notes } = load(template)
  expect({ warnings, notes }).toEqual({ warnings: [], notes: [] })
  expect(config.api.host).toBe('localhost')
  expect(config.evpn.driver).toBe('linux')
  expect(config.ipvpn.transport).toEqual({ tunnels: 'gre' })
})

describe('the types of VPN whose routes are asked of peers', () => {
  const linux = '[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = linux\n'
  test.each([
    ['both, without a driver', '', { evpn: true, ipvpn: true }],
    ['EVPN alone beside a dummy that is not named', linux, { evpn: true, ipvpn: false }],
    [
      'both, with a dummy that is named',
      `${linux}[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = dummy\n`,
      { evpn: true, ipvpn: true },
    ],
  ])('are %s', (_, text, serves) => {
    expect(load(`${BASE}${text}`).config.serves).toEqual(serves)
  })
})
