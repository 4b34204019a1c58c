import { formatIp, type Ip } from '../../src/values/address.ts'
import { hex, type Octets, u16, u32 } from '../../src/values/bytes.ts'

/** What a dissector shows of one message: values by the name of their field, in their order. */
export type Facts = Map<string, string[]>

export class Facter {
  readonly facts: Facts = new Map()

  add(field: string, ...values: readonly (string | number)[]): void {
    if (values.length === 0) return
    this.facts.set(field, [...(this.facts.get(field) ?? []), ...values.map(String)])
  }
}

export const colons = (octets: Octets): string => (hex(octets).match(/../g) ?? []).join(':')

export function administrator(community: Octets): string {
  switch (community.charCodeAt(0)) {
    case 0:
      return `${u16(community, 2)}:${u32(community, 4)}`
    case 1:
      return `${formatIp(community.slice(2, 6) as Ip)}:${u16(community, 6)}`
    default:
      return `${u32(community, 2)}:${u16(community, 6)}`
  }
}
