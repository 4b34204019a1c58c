import type { BridgeIsolation } from './isolation.ts'
import type { Rules } from './rules.ts'
import { servicesOpenToVrfs } from './sysctl.ts'

/** What VMs in VRFs can do to the node that they should not, a sentence each. */
export function* vrfGaps(
  { portsLack }: Pick<BridgeIsolation, 'portsLack'>,
  rules: Pick<Rules, 'areOrdered'>,
): Generator<string, void> {
  if (portsLack !== null)
    yield `ICMP errors that VMs send to their gateways can lower the path MTU of the underlay: ${portsLack}`
  if (!rules.areOrdered())
    yield "VMs reach the node's own addresses, which VPNs cannot have: ip rule has local before l3mdev (ip rule add pref 32765 lookup local; ip rule del pref 0)"
  const open = servicesOpenToVrfs()
  if (open.length > 0)
    yield `VMs reach services of the host by the addresses of their gateways: ${open.join(', ')} is 1`
}
