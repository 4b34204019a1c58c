import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/finding.ts'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import { formatIp } from '../../src/values/address.ts'
import { RANGES } from '../support/ranges.ts'

const INTERFACES = {
  lo: [{ address: '127.0.0.1' }, { address: '::1' }],
  eth0: [{ address: 'fe80::1' }, { address: '2001:db8::7' }, { address: '192.0.2.7' }],
  eth1: [{ address: 'fe80::2' }, { address: '2001:db8::8' }],
  eth2: [{ address: 'fe80::3' }],
}

const BASE = '[BGP]\nlocal_address = 192.0.2.1\nmy_as = 64512\n'

function load(text: string) {
  return interpret(parseIni(text, 'bgp.conf'), INTERFACES)
}

/** The configuration for `option` of `section` set to `value`, the required ones being fine. */
function withOption(section: string, option: string, value: string) {
  return load(`${BASE}[${section}]\n${option} = ${value}\n`)
}

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

describe('values', () => {
  test.each(['true', 'True', 'YES', 'on', '1'])('%s is true', (word) => {
    expect(withOption('BGP', 'enable_rtc', word).config.bgp.routeTargetConstraint).toBe(true)
  })

  test.each(['false', 'False', 'NO', 'off', '0'])('%s is false', (word) => {
    expect(withOption('BGP', 'enable_rtc', word).config.bgp.routeTargetConstraint).toBe(false)
  })

  test.each([
    ['', []],
    ['192.0.2.1', ['192.0.2.1']],
    ['192.0.2.1,192.0.2.2', ['192.0.2.1', '192.0.2.2']],
    [' 192.0.2.1 , 2001:DB8:0::1 ,', ['192.0.2.1', '2001:db8::1']],
    ['192.0.2.1,\n  192.0.2.2', ['192.0.2.1', '192.0.2.2']],
    ['192.0.2.1,192.0.2.1', ['192.0.2.1']],
  ])('peers = %j', (text, expected) => {
    expect(withOption('BGP', 'peers', text).config.bgp.peers.map(({ address }) => formatIp(address))).toEqual(
      expected,
    )
  })

  test.each([
    ['192.0.2.5', '192.0.2.5'],
    ['2001:db8::5', '2001:db8::5'],
    ['eth0', '192.0.2.7'],
    ['eth1', '2001:db8::8'],
    ['lo', '127.0.0.1'],
  ])('local_address = %s', (text, expected) => {
    const { config } = load(`${BASE}local_address = ${text}\nrouter_id = 192.0.2.1\n`)
    expect(formatIp(config.bgp.localAddress)).toBe(expected)
  })

  test('the dataplane may have an address of its own', () => {
    const { config } = withOption('DATAPLANE_DRIVER_EVPN', 'dataplane_local_address', 'eth0')
    expect(formatIp(config.evpn.localAddress)).toBe('192.0.2.7')
    expect(formatIp(config.ipvpn.localAddress)).toBe('192.0.2.1')
  })

  test.each([
    ['linux', 'linux'],
    ['LinuxVXLANDataplaneDriver', 'linux'],
    ['linux_vxlan.LinuxVXLANDataplaneDriver', 'linux'],
    ['bagpipe.bgp.vpn.evpn.linux_vxlan.LinuxVXLANDataplaneDriver', 'linux'],
    ['DummyDataplaneDriver', 'dummy'],
  ] as const)('dataplane_driver = %s', (text, expected) => {
    expect(withOption('DATAPLANE_DRIVER_EVPN', 'dataplane_driver', text).config.evpn.driver).toBe(expected)
  })

  test.each(['0', '3', '65535'])('hold_time = %s', (text) => {
    const { config } = withOption('BGP', 'peers', `192.0.2.9\nhold_time = ${text}`)
    expect(config.bgp.peers[0]?.holdTimeSeconds).toBe(Number(text))
  })

  test('a 4-octet AS', () => {
    expect(withOption('BGP', 'my_as', '4294967295').config.bgp.asNumber).toBe(4_294_967_295)
  })

  test('listen = false leaves no port to listen on', () => {
    expect(withOption('BGP', 'listen', 'false').config.bgp.listenPort).toBeNull()
  })

  test.each([
    ['log_file = /var/log/a.log', '/var/log/a.log'],
    ['log_file = a.log\nlog_dir = /var/log', '/var/log/a.log'],
    ['logfile = a.log\nlogdir = /var/log', '/var/log/a.log'],
    ['log_dir = /var/log', '/var/log/chanter.log'],
    ['log_file =', null],
  ])('%j', (options, file) => {
    expect(load(`${BASE}[DEFAULT]\n${options}\n`).config.log.file).toBe(file)
  })

  test.each([
    ['', { by: 'none' }],
    ['log_rotation_type = size', { by: 'size', maxOctets: 200 * 2 ** 20, files: 30 }],
    ['log_rotation_type = Size\nmax_logfile_size_mb = 1', { by: 'size', maxOctets: 2 ** 20, files: 30 }],
    ['log_rotation_type = size\nmax_logfile_size_mb = 0', { by: 'none' }],
    ['log_rotation_type = size\nmax_logfile_count = 0', { by: 'none' }],
    ['log_rotation_type = size\nwatch_log_file = true', { by: 'none' }],
    ['log_rotation_type = interval', { by: 'interval', unit: 'Days', count: 1, files: 30 }],
    [
      'log_rotation_type = interval\nlog_rotate_interval_type = weekday\nlog_rotate_interval = 6',
      { by: 'interval', unit: 'Weekday', count: 6, files: 30 },
    ],
  ])('rotation of the log with %j', (options, rotation) => {
    expect(load(`${BASE}[DEFAULT]\n${options}\n`).config.log.rotation).toEqual(rotation)
  })

  test.each([
    ['LOG_USER', 1],
    ['daemon', 3],
    ['Local7', 23],
  ])('syslog_log_facility = %s', (text, facility) => {
    expect(withOption('DEFAULT', 'syslog_log_facility', text).config.log.facility).toBe(facility)
  })

  test('section names may have any case, old option names are understood, the last one wins', () => {
    const { config, warnings } = load(
      '[bgp]\nlocal_address=eth0\nmy_as=1\nmy_as=2\n[Api]\napi_host=::1\napi_port=1\nport=2\n',
    )
    expect(config.bgp.asNumber).toBe(2)
    expect(config.api).toMatchObject({ host: '::1', port: 2 })
    expect(warnings).toEqual([])
  })
})

describe('a wrong value stops the daemon with one line', () => {
  const OWN_ADDRESS = 'an IPv4 or IPv6 address, or the name of an interface that has one'
  const BOOLEAN = 'true, false, yes, no, on, off, 1 or 0'
  const PORT = 'an integer from 1 to 65535'
  const AS = 'an integer from 1 to 4294967295'
  const HOLD = '0 (no keepalives) or a number of seconds from 3 to 65535'
  const DRIVER = 'dummy or linux'
  const PEERS = 'IPv4 and IPv6 addresses, separated by commas'
  const HOST = 'an IPv4 or IPv6 address, or a host name, or none'

  test.each([
    [
      'BGP',
      'local_address',
      '192.0.2.256',
      `no interface of that name is up with an address (lo, eth0, eth1, eth2); expected ${OWN_ADDRESS}`,
    ],
    [
      'BGP',
      'local_address',
      'eth9',
      `no interface of that name is up with an address (lo, eth0, eth1, eth2); expected ${OWN_ADDRESS}`,
    ],
    ['BGP', 'local_address', 'eth2', `that interface has no usable address; expected ${OWN_ADDRESS}`],
    ['BGP', 'local_address', '0.0.0.0', `no host has this address; expected ${OWN_ADDRESS}`],
    ['BGP', 'local_address', '224.0.0.1', `no host has this address; expected ${OWN_ADDRESS}`],
    ['BGP', 'peers', '192.0.2.1 192.0.2.2', `expected ${PEERS}`],
    ['BGP', 'peers', '192.0.2.1,,192.0.2.2', `expected ${PEERS}`],
    ['BGP', 'peers', 'rr.example', `expected ${PEERS}`],
    ['BGP', 'peers', '192.0.2.0/24', `expected ${PEERS}`],
    ['BGP', 'peers', 'ff02::1', `no host has this address; expected ${PEERS}`],
    ['BGP', 'my_as', '0', `expected ${AS}`],
    ['BGP', 'my_as', '4294967296', `expected ${AS}`],
    ['BGP', 'my_as', '1.10', `expected ${AS}`],
    ['BGP', 'my_as', '', `expected ${AS}`],
    ['BGP', 'enable_rtc', 'maybe', `expected ${BOOLEAN}`],
    ['BGP', 'bgp_port', '0', `expected ${PORT}`],
    ['BGP', 'bgp_port', '65536', `expected ${PORT}`],
    ['BGP', 'bgp_port', '0x10', `expected ${PORT}`],
    ['BGP', 'hold_time', '1', `expected ${HOLD}`],
    ['BGP', 'hold_time', '2', `expected ${HOLD}`],
    ['BGP', 'hold_time', '-1', `expected ${HOLD}`],
    ['BGP', 'hold_time', '65536', `expected ${HOLD}`],
    ['BGP', 'listen', '2', `expected ${BOOLEAN}`],
    ['BGP', 'listen_port', 'bgp', `expected ${PORT}`],
    ['BGP', 'connect_retry_time', '0', 'expected an integer from 1 to 3600'],
    ['BGP', 'peer_as', '0', `expected ${AS}`],
    ['BGP', 'ebgp_policy', 'yes', 'expected reject or accept'],
    ['BGP', 'passive', 'maybe', `expected ${BOOLEAN}`],
    ['BGP', 'max_prefixes', '0', 'expected an integer from 1 to 4294967295, or none'],
    ['BGP', 'ttl_security_hops', '255', 'expected an integer from 1 to 254, or none'],
    ['API', 'host', 'a b', `expected ${HOST}`],
    ['API', 'port', '-1', `expected ${PORT}`],
    ['DATAPLANE_DRIVER_EVPN', 'dataplane_driver', 'vpp', `expected ${DRIVER}`],
    [
      'DATAPLANE_DRIVER_EVPN',
      'dataplane_driver',
      'ovs',
      `chanter has no Open vSwitch driver; expected ${DRIVER}`,
    ],
    [
      'DATAPLANE_DRIVER_IPVPN',
      'dataplane_driver',
      'ovs',
      `chanter has no Open vSwitch driver; expected ${DRIVER}`,
    ],
    [
      'DATAPLANE_DRIVER_EVPN',
      'dataplane_local_address',
      '',
      `no interface of that name is up with an address (lo, eth0, eth1, eth2); expected ${OWN_ADDRESS}`,
    ],
    ['DATAPLANE_DRIVER_EVPN', 'vxlan_dst_port', '70000', `expected ${PORT}`],
    ['DEFAULT', 'debug', 'very', `expected ${BOOLEAN}`],
    ['DEFAULT', 'log_rotation_type', 'daily', 'expected none, size or interval'],
    [
      'DEFAULT',
      'syslog_log_facility',
      'local8',
      'expected a facility of syslog such as LOG_DAEMON or local0',
    ],
  ])('[%s] %s = %j', (section, option, value, why) => {
    const message = `bgp.conf line 5: [${section}] ${option} = ${JSON.stringify(value)}: ${why}`
    const wrong = () => withOption(section, option, value)
    expect(wrong).toThrow(new ConfigError(message))
  })

  test('what is missing', () => {
    expect(() => load('[BGP]\nmy_as = 1\n')).toThrow(
      new ConfigError(`bgp.conf line 1: [BGP] local_address is missing: expected ${OWN_ADDRESS}`),
    )
  })

  test('several at once', () => {
    expect(() => load('[BGP]\nlocal_address = eth0\nmy_as = x\nhold_time = 1\n[API]\nport = y\n')).toThrow(
      new ConfigError(
        `bgp.conf line 3: [BGP] my_as = "x": expected ${AS}`,
        `bgp.conf line 4: [BGP] hold_time = "1": expected ${HOLD}`,
        `bgp.conf line 6: [API] port = "y": expected ${PORT}`,
      ),
    )
  })

  test('a value of several lines stays on one', () => {
    expect(() => withOption('BGP', 'my_as', '1\n  2')).toThrow(
      new ConfigError(`bgp.conf line 5: [BGP] my_as = "1\\n2": expected ${AS}`),
    )
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
