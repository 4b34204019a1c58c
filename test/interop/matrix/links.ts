import { type Ip, parseIp } from '../../../src/values/address.ts'

/** The AS that every peer of the matrix is in. */
export const AS = 64512
/** More than two octets hold (RFC 6793). */
export const WIDE_AS = 4_200_000_001
const EXTERNAL_AS = 65001
const KEY = 's3cret'

/** What tells the sessions of one peer apart: each is with a speaker of ours that has an address of its own. */
export const LINK_NAMES = ['vpn', 'wide', 'external', 'signed', 'forged', 'ipv6'] as const
export type LinkName = (typeof LINK_NAMES)[number]

/** A session between a peer and a speaker of ours. */
export interface Link {
  readonly name: LinkName
  readonly address: string
  readonly as: number
  readonly peerAddress: string
  /** With every family that the peer has; the others carry VPNv4 and VPNv6. */
  readonly isFull: boolean
  /** The key of TCP MD5 signatures that the peer has; ours is another one on `forged`. */
  readonly key: string | null
  readonly ourKey: string | null
}

export type Links = Readonly<Record<LinkName, Link>>

const AS_OF: Partial<Record<LinkName, number>> = { wide: WIDE_AS, external: EXTERNAL_AS }

/** The addresses of the peer in column `column`, counted from 1, and of our speakers for it. */
export function linksOf(column: number): Links {
  const links = LINK_NAMES.map((name, i): Link => {
    const ipv6 = name === 'ipv6'
    const signed = name === 'signed' || name === 'forged'
    return {
      name,
      address: ipv6 ? `fd77::${column}:1` : `10.77.0.${40 * column + 1 + i}`,
      as: AS_OF[name] ?? AS,
      peerAddress: ipv6 ? `fd77::${column}` : peerAddressOf(column),
      isFull: name === 'vpn',
      key: signed ? KEY : null,
      ourKey: signed ? (name === 'forged' ? 'another' : KEY) : null,
    }
  })
  return Object.fromEntries(links.map((link) => [link.name, link])) as Record<LinkName, Link>
}

export const peerAddressOf = (column: number): string => `10.77.0.${40 * column}`

export function addressOf(text: string): Ip {
  const address = parseIp(text)
  if (address === undefined) throw new Error(`no address: ${text}`)
  return address
}
