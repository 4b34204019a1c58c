/** What an agent sends for the port gp1 of `testApi`. */
export const ATTACH_BODY = {
  vpn_instance_id: 'net1',
  vpn_type: 'evpn',
  import_rt: ['64512:10'],
  export_rt: ['64512:10'],
  mac_address: '02:00:00:00:01:01',
  ip_address: '192.168.10.1/24',
  gateway_ip: '192.168.10.254',
  local_port: { linuxif: 'gp1' },
  vni: 100,
} as const
