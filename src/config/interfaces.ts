import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { type Ip, parseIp } from '../values/address.ts'
import type { Interfaces } from './types.ts'

/** Flags of an IPv6 address (if_addr.h): a privacy address (RFC 8981), one that another node has too, one whose preferred lifetime is over. */
const TEMPORARY = 0x01
const DADFAILED = 0x08
const DEPRECATED = 0x20
const PASSING = TEMPORARY | DADFAILED | DEPRECATED

/** The interfaces of this machine that are up, with their addresses: those last that will not stay. */
export function interfacesOfMachine(): Interfaces {
  return withPassingLast(networkInterfaces(), ipv6Addresses())
}

/** `listed` is the text of /proc/net/if_inet6. The kernel names the newest address first, which is a temporary one where there are such. */
export function withPassingLast(interfaces: Interfaces, listed: string): Interfaces {
  const passing = passingAddresses(listed)
  const isPassing = ({ address }: { readonly address: string }) => passing.has(parseIp(address)!)
  return Object.fromEntries(
    Object.entries(interfaces).map(([name, addresses = []]) => [
      name,
      [...addresses.filter((one) => !isPassing(one)), ...addresses.filter(isPassing)],
    ]),
  )
}

function passingAddresses(listed: string): ReadonlySet<Ip> {
  const passing = new Set<Ip>()
  for (const line of listed.split('\n')) {
    const [octets = '', , , , flags = ''] = line.split(/\s+/)
    if ((Number.parseInt(flags, 16) & PASSING) !== 0)
      passing.add(Buffer.from(octets, 'hex').toString('latin1') as Ip)
  }
  return passing
}

function ipv6Addresses(): string {
  try {
    return readFileSync('/proc/thread-self/net/if_inet6', 'utf8')
  } catch {
    return '' // there is no IPv6
  }
}
