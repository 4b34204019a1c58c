import type { SavedState } from '../../src/vpn/state.ts'
import { mac } from '../support/node.ts'
import { ip, rt } from '../support/speakers.ts'

export const STATE: SavedState = {
  kernel: 'a boot/4026531840',
  instances: [
    {
      type: 'evpn',
      id: 'net 1/ü',
      number: 3,
      rdNumber: 2,
      vni: 100,
      vniGiven: true,
      suffix: 'x1',
      devices: { bridge: 'evpn---x1', externalBridge: false, vxlan: 'vxlan--x1', externalVxlan: false },
      importTargets: [rt('64512:10'), rt('10.0.0.1:5')],
      exportTargets: [rt('4200000000:7')],
      gatewayIp: ip('192.168.10.254'),
      subnetPrefixLength: 24,
      description: { any: ['json', null] },
      attachments: [
        {
          mac: mac('02:00:00:00:01:01'),
          ip: ip('2001:db8::1'),
          prefixLength: 64,
          port: 'tap1',
          irb: null,
          direction: 'both',
          confined: false,
          localPref: 0,
          label: 16,
          sticky: false,
          gatewayIp: null,
          hashOrder: 0,
          advertiseSubnet: false,
          rdNumber: null,
          readvertiseRd: null,
          sequence: 4,
          description: null,
        },
      ],
    },
  ],
  pending: [
    { kind: 'bridge', device: 'evpn---b', external: false, alias: 'chanter:b' },
    {
      kind: 'vxlan',
      device: 'vxlan--b',
      alias: 'chanter:b',
      vni: 7,
      local: ip('10.0.0.1'),
      port: 4789,
      mtu: null,
      underlay: null,
    },
    {
      kind: 'port',
      device: 'tap9',
      bridge: 'evpn---b',
      external: false,
      learning: false,
      neighSuppress: false,
    },
    { kind: 'local-mac', device: 'tap9', mac: mac('02:00:00:00:09:09') },
  ],
}
