import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { formatIp } from '../../src/values/address.ts'

interface LocalConf {
  readonly peers?: string
  readonly evpn?: string
  readonly ipvpn?: string
  /** BAGPIPE_SERVICE_HOST, of which 0.0.0.0 is devstack's default. */
  readonly host?: string
}

/**
 * The `bgp.conf` that networking-bagpipe's devstack plugin writes for BAGPIPE_BGP_PEERS, BAGPIPE_DATAPLANE_DRIVER_EVPN and
 * BAGPIPE_DATAPLANE_DRIVER_IPVPN: the values of bagpipe-bgp's template changed by iniset, a section [common] in small letters behind it, and the formats of
 * devstack's logging.
 */
function generated({
  peers = '192.0.2.9',
  evpn = 'dummy',
  ipvpn = 'dummy',
  host = '127.0.0.1',
}: LocalConf): string {
  return `[DEFAULT]
logging_exception_prefix = ERROR %(name)s %(instance)s
logging_default_format_string = %(color)s%(levelname)s %(name)s [-%(color)s] %(instance)s%(color)s%(message)s
logging_context_format_string = %(color)s%(levelname)s %(name)s [%(request_id)s] %(instance)s%(color)s%(message)s
logging_debug_format_suffix = {{(pid=%(process)d) %(funcName)s %(pathname)s:%(lineno)d}}

debug = True
[BGP]
local_address = 192.0.2.7
peers = ${peers === '-' ? '' : peers}
my_as=64512
enable_rtc=True

[COMMON]

[API]
host = ${host}
port = 8082

[DATAPLANE_DRIVER_IPVPN]
proxy_arp = False
arp_responder = False
ovs_bridge = br-mpls
dataplane_driver = ${ipvpn}
mpls_interface = 
ovsbr_interfaces_mtu=4000

[DATAPLANE_DRIVER_EVPN]
dataplane_driver = ${evpn}

[common]
root_helper_daemon = sudo /usr/local/bin/neutron-rootwrap-daemon /etc/bagpipe-bgp/rootwrap.conf
root_helper = sudo /usr/local/bin/neutron-rootwrap /etc/bagpipe-bgp/rootwrap.conf
`
}

test("devstack's default of BAGPIPE_SERVICE_HOST serves this machine, and a warning says so", () => {
  const { config, warnings } = load({ host: '0.0.0.0' })
  expect(config.api.host).toBe('0.0.0.0')
  expect(warnings).toEqual([
    expect.stringContaining('For the agents of this machine alone write host = 127.0.0.1'),
  ])
})

const load = (conf: LocalConf) => interpret(parseIni(generated(conf), 'bgp.conf'), {})

test.each(['linux', 'linux_vxlan.LinuxVXLANDataplaneDriver'])(
  "devstack's file with BAGPIPE_DATAPLANE_DRIVER_EVPN=%s needs no other change",
  (evpn) => {
    const { config, warnings } = load({ evpn, peers: '192.0.2.9,192.0.2.10' })
    expect(warnings).toEqual([])
    expect(config.bgp.peers.map(({ address }) => formatIp(address))).toEqual(['192.0.2.9', '192.0.2.10'])
    expect([config.evpn.driver, config.ipvpn.driver]).toEqual(['linux', 'dummy'])
    expect(config.api).toMatchObject({ host: '127.0.0.1', port: 8082 })
    expect(config.log.debug).toBe(true)
  },
)

test('BAGPIPE_BGP_PEERS=- means no peers', () => {
  expect(load({ peers: '-' }).config.bgp.peers).toEqual([])
})
