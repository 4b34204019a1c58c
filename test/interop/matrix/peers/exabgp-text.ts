import { formatIp, unmapped } from '../../../../src/values/address.ts'
import { type Facts, type FamilyName, facts } from '../facts.ts'
import { addressOf } from '../links.ts'

const PROTOCOLS: Readonly<Record<string, string>> = { tcp: '6' }
const TUNNELS: Readonly<Record<string, string>> = { VXLAN: '8' }

/** A route in the words of `show adj-rib … extensive`. */
export function factsOf(family: FamilyName, words: string): Facts {
  const after = (name: string) => new RegExp(`(?:^| )${name} (\\[ .*? \\]|\\S+)`).exec(words)?.[1]
  const communities = after('extended-community')?.split(' ') ?? []
  const community = (name: string) =>
    communities.find((one) => one.startsWith(`${name}:`))?.slice(name.length + 1)
  const asPath = after('as-path')?.replace(/[[\]]/g, '').trim() ?? ''
  if (family === 'RTC') return facts({ route: words.split(' ')[1]!.replace('target:', ''), asPath })
  const nextHop = after('next-hop')
  const encapsulation = community('encap')
  return facts({
    ...(family === 'EVPN' ? evpnRoute(words) : { route: routeOf(family, words), rd: after('rd') }),
    ...(family.startsWith('VPN') ? { label: after('label') } : {}),
    nextHop: nextHop && formatIp(unmapped(addressOf(nextHop))),
    targets: community('target') ?? '',
    encapsulation: encapsulation && TUNNELS[encapsulation],
    redirect: community('redirect'),
    asPath,
  })
}

function routeOf(family: FamilyName, words: string): string {
  if (!family.startsWith('FlowSpec')) return words.split(' ')[0]!
  const [, destination, protocol = '', port] =
    /destination-ipv[46] (\S+?)(?:\/0)? (?:protocol|next-header) =(\S+) destination-port (\S+)/.exec(words) ??
    []
  return `destination ${destination} protocol =${PROTOCOLS[protocol]} destination-port ${port}`
}

/** `evpn:macadv::<rd>:<esi>:<tag>:<MAC>/48:<IP>: label <label> (<field>)`, and the like. */
function evpnRoute(words: string): { route: string; rd: string | undefined; label: string | undefined } {
  const [, kind, rd, rest = ''] = /^evpn:(\w+)::(\d+:\d+):(\S+)/.exec(words) ?? []
  const label = /\((\d+)\)/.exec(words)?.[1]
  const [, mac, ip] = /^-:0:(\S+)\/48:(\S+):$/.exec(rest) ?? []
  const [, prefix] = /^-:0:([\d.]+\/\d+):/.exec(rest) ?? []
  switch (kind) {
    case 'macadv':
      return { route: `mac ${mac?.toLowerCase()} ${ip}`, rd, label }
    case 'multicast':
      return { route: `multicast ${rest.split(':').at(-1)}`, rd, label }
    default:
      return { route: `prefix ${prefix}`, rd, label }
  }
}
