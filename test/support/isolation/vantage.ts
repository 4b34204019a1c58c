export type Family = 'IPv4' | 'IPv6'

export interface Addresses {
  readonly ipv4: string
  readonly ipv6: string
}

/** What a VM that sends knows: itself, the machines of the underlay, and a name for what it sends this time. */
export interface Vantage {
  /** By which the nodes reach each other. */
  readonly underlay: Family
  readonly vm: Addresses & { readonly mac: string }
  /** The MAC addresses of the host that the VM can send to: of the bridge or the gateway, and of the host's end of its port. */
  readonly hostMac: string
  readonly portMac: string
  /** Of the VM's subnet. */
  readonly gateway: Addresses
  readonly node: Addresses
  readonly otherNode: Addresses
  /** A machine of the underlay that is no node. */
  readonly machine: Addresses
  /** Of another tenant. */
  readonly otherVni: number
  /** Is in everything that is sent, so that it is known again where it arrives. */
  readonly mark: Buffer
}

/** Something that a VM sends. It may arrive at VMs of its own VPN alone. */
export interface Sending {
  readonly name: string
  readonly frames: (from: Vantage) => readonly Buffer[]
  /** While the machine forwards packets of both families. */
  readonly forwarding?: boolean
  /** Why Linux lets it do no harm on an unprotected bridge either; without, the control has to see harm done. */
  readonly harmless?: string
}

export const addressOf = (of: Addresses, family: Family): string => (family === 'IPv4' ? of.ipv4 : of.ipv6)
