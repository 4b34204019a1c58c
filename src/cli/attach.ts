import { attachmentOptions, send } from './attachment.ts'
import { command } from './command.ts'

export const attach = command({
  usage: 'attach',
  describe: 'Attach a local port to a VPN instance',
  options: attachmentOptions,
  examples: [
    [
      'attach --vpn-type evpn --vpn-instance-id net1 --port tap-vm1 --mac 02:00:00:00:01:01 --ip 192.168.10.1/24 --rt 64512:10 --vni 100',
      'Put the VM behind tap-vm1 into net1',
    ],
    [
      'attach --vpn-type ipvpn --port tap-vm1 --ip 192.168.79.1 --import-rt 64512:80 --export-rt 64512:81 --json',
      'Only show the request',
    ],
  ],
  run: (args) => send('/attach_localport', args),
})
