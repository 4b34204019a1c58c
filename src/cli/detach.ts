import { attachmentOptions, send } from './attachment.ts'
import { command } from './command.ts'

export const detach = command({
  usage: 'detach',
  describe: 'Detach a local port: the options of its attach',
  options: attachmentOptions,
  examples: [
    [
      'detach --vpn-type evpn --vpn-instance-id net1 --port tap-vm1 --mac 02:00:00:00:01:01 --ip 192.168.10.1/24',
      'Take the VM behind tap-vm1 out of net1',
    ],
  ],
  run: (args) => send('/detach_localport', args),
})
