import type { UdpPort } from '../../model.ts'
import type { LinuxDefinition } from './definition.ts'

/** FOU port 6635 of an address, for MPLS, by generic netlink. */
export const udpPort: LinuxDefinition<UdpPort> = {
  kind: 'udp-port',
  set: ({ ip }, _link, { fou }) => fou.set(ip),
  remove: ({ ip }, _link, { fou }) => fou.remove(ip),
  *dump({ name }, { fou }) {
    if (name === 'lo')
      yield fou.addresses().map((ip) => ({ entry: { kind: 'udp-port', device: 'lo', ip }, marked: false }))
  },
}
