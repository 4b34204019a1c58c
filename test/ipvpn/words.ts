import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry, Hop } from '../../src/dataplane/model.ts'
import { formatIp } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'

/** A desired entry with its fields, in a line. */
export function words(entry: Entry): string {
  switch (entry.kind) {
    case 'route':
      return `${formatIp(entry.prefix)}/${entry.prefixLength} in ${entry.device} by ${entry.hops.map(hop).join(', ')}`
    case 'mpls':
      return `label ${entry.label} by ${entry.hops.map(hop).join(', ')}`
    case 'vrf':
      return `${entry.device} with table ${entry.table} for ${entry.alias}`
    case 'tunnel':
      return `${entry.device} in ${entry.encapsulation} from ${formatIp(entry.local)} to ${entry.remote === null ? 'any' : formatIp(entry.remote)}`
    case 'veth':
      return `${entry.device} to ${entry.peer}`
    case 'port':
      return `${entry.device} in ${entry.bridge}`
    case 'neighbour':
      return `${identity(entry)} is ${formatMac(entry.mac)}`
    case 'vrf-port':
      return `${entry.device} in ${entry.vrf}`
    case 'unreachable':
      return `nothing in ${entry.device} by ${formatIp(entry.prefix)}/${entry.prefixLength}`
    default:
      return identity(entry)
  }
}

function hop({ device, via, labels }: Hop): string {
  return [
    device,
    ...(via === null ? [] : [`via ${formatIp(via)}`]),
    ...labels.map((label) => `label ${label}`),
  ].join(' ')
}
