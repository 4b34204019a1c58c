import { isOwned } from '../../src/dataplane/driver.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { MemoryLink } from '../../src/dataplane/memory/kernel.ts'
import type { Entry, Hop } from '../../src/dataplane/model.ts'
import { formatIp } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { Node } from './machines.ts'

/** An entry with its fields; the order of hops does not count. */
export function describe(entry: Entry): string {
  switch (entry.kind) {
    case 'remote-mac':
      return `${identity(entry)} at ${formatIp(entry.dst)} vni ${entry.vni}`
    case 'neighbour':
    case 'fixed-neighbour':
      return `${identity(entry)} is ${formatMac(entry.mac)}`
    case 'veth':
      return `veth from ${entry.device} to ${entry.peer}`
    case 'port':
      return `port ${entry.device} of ${entry.bridge}`
    case 'vrf-port':
      return `port ${entry.device} of ${entry.vrf}`
    case 'route':
      return `route ${formatIp(entry.prefix)}/${entry.prefixLength} of ${entry.device} by ${entry.hops.map(hopText).sort().join(' and ')}`
    case 'mpls':
      return `label ${entry.label} by ${entry.hops.map(hopText).sort().join(' and ')}`
    case 'unreachable':
      return `nothing ${formatIp(entry.prefix)}/${entry.prefixLength} of ${entry.device}`
    default:
      return identity(entry)
  }
}

function hopText({ device, via, labels }: Pick<Hop, 'device' | 'via' | 'labels'>): string {
  return `${device} ${via === null ? '-' : formatIp(via)} ${labels.join('/')}`
}

/** What carries our mark on some devices of a node's kernel, and what those are in, in the same words. */
export function held({ driver }: Node, devices: Iterable<string>): Set<string> {
  const texts = new Set<string>()
  for (const device of devices) {
    const link = driver.kernel.links.get(device)
    if (link === undefined) continue
    if (isOwned(link)) texts.add(linkText(link))
    if (link.master !== null) texts.add(`port ${device} of ${link.master}`)
    for (const observedEntries of driver.dump(device))
      for (const { entry, marked } of observedEntries) if (marked) texts.add(describe(entry))
  }
  return texts
}

function linkText({ name, kind, pair }: MemoryLink): string {
  return kind === 'veth' ? `veth from ${name} to ${pair}` : `link ${name}`
}
