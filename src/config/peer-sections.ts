import { formatIp, parseInterfaceAddress, parseIp } from '../values/address.ts'
import { PEER_SECTION } from './schema.ts'
import { suggest } from './suggest.ts'

/** The peer that a section is about, in its usual spelling; undefined for sections about something else. */
export function peerOfSection(section: string): string | undefined {
  if (!section.toLowerCase().startsWith(PEER_SECTION.toLowerCase())) return undefined
  return peerName(section.slice(PEER_SECTION.length).trim())
}

/** An address or a prefix in the spelling in which names of peers are compared; other texts as they are. */
export function peerName(text: string): string {
  const ip = parseIp(text)
  if (ip !== undefined) return formatIp(ip)
  const network = parseInterfaceAddress(text)
  return network === undefined ? text : `${formatIp(network.ip)}/${network.prefixLength}`
}

/** The section of a peer that an unknown one is probably meant to be; undefined when it looks like none. */
export function suggestPeerSection(section: string): string | undefined {
  const [, word = '', peer] = /^([^:]*):(.+)$/.exec(section) ?? []
  return suggest(`${word}:`, [PEER_SECTION]) === undefined ? undefined : `${PEER_SECTION}${peer}`
}
