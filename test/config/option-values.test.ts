import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/finding.ts'
import { formatIp } from '../../src/values/address.ts'
import { BASE, load } from './load-setup.ts'

/** The configuration for `option` of `section` set to `value`, the required ones being fine. */
function withOption(section: string, option: string, value: string) {
  return load(`${BASE}[${section}]\n${option} = ${value}\n`)
}

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
  const STATE_FILE = 'the path of a file, or nothing'
  const PREFIXES = 'prefixes such as 192.0.2.0/24, separated by commas'
  const PEERS = 'IPv4 and IPv6 addresses, separated by commas'
  const HOST = 'an IPv4 or IPv6 address, or a host name, or none'

  const LINK_LOCAL = 'a link-local address needs an interface, which cannot be named'

  test.each([
    ['BGP', 'local_address', 'fe80::1', `${LINK_LOCAL}; expected ${OWN_ADDRESS}`],
    ['BGP', 'local_address', '::ffff:192.0.2.1', `write 192.0.2.1; expected ${OWN_ADDRESS}`],
    ['BGP', 'peers', '192.0.2.1, fe80::2', `${LINK_LOCAL}; expected ${PEERS}`],
    ['BGP', 'peers', '::FFFF:c000:201', `write 192.0.2.1; expected ${PEERS}`],
    ['BGP', 'peers', 'fe80::1%eth0', `expected ${PEERS}`],
    ['DATAPLANE_DRIVER_EVPN', 'dataplane_local_address', 'fe80::1', `${LINK_LOCAL}; expected ${OWN_ADDRESS}`],
    [
      'BGP',
      'vtep_networks',
      '::ffff:10.0.0.0/104',
      `write the prefix of IPv4 addresses; expected ${PREFIXES}`,
    ],
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
    ['DEFAULT', 'state_file', '/dev/null', `it is no regular file; expected ${STATE_FILE}`],
    ['DEFAULT', 'state_file', '/', `it is no regular file; expected ${STATE_FILE}`],
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
    ['API', 'socket', '', 'expected a path of 1 to 107 octets, or none'],
    ['API', 'socket', `/${'ü'.repeat(54)}`, 'expected a path of 1 to 107 octets, or none'],
    ['API', 'socket_group', '', 'expected the name or number of a group, or none'],
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
    ...['eth1 # or *gre*', '*gre*,eth1', 'a/b', '*vxlan*'].map((name) => [
      'DATAPLANE_DRIVER_IPVPN',
      'mpls_interface',
      name,
      'no interface has such a name; expected the name of an interface, `*gre*` or `*udp*`',
    ]),
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
