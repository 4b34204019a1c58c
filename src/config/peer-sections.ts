import { formatIp, parseInterfaceAddress, parseIp } from '../values/address.ts'
import { PEER_SECTION } from './schema.ts'
import { suggest } from './suggest.ts'

/** The peer of a section, in its usual spelling; undefined for other sections. */
export function peerOfSection(section: string): string | undefined {
  if (!section.toLowerCase().startsWith(PEER_SECTION.toLowerCase())) return undefined
  return peerName(section.slice(PEER_SECTION.length).trim())
}

/** An address or a prefix in the spelling in which names of peers are compared; other texts unchanged. */
export function peerName(text: string): string {
  const ip = parseIp(text)
  if (ip !== undefined) return formatIp(ip)
  const network = parseInterfaceAddress(text)
  return network === undefined ? text : `${formatIp(network.ip)}/${network.prefixLength}`
}

/** The peer section that an unknown one is probably meant to be; undefined when it resembles none. */
export function suggestPeerSection(section: string): string | undefined {
  const [, word = '', peer] = /^([^:]*):(.+)$/.exec(section) ?? []
  return suggest(`${word}:`, [PEER_SECTION]) === undefined ? undefined : `${PEER_SECTION}${peer}`
}
