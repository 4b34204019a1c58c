import type { FastifyInstance } from 'fastify'
import { RequestError } from '../api/errors.ts'
import type { ExplainedRoute, Explanation } from '../api/explain.ts'
import { ROUTES } from '../api/routes.ts'
import type { BgpPeer } from '../bgp/bgp-peer.ts'
import { nlriCodec } from '../bgp/nlri/index.ts'
import { formatPrefix, maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import type { DroppedRoute } from '../bgp/rib/dropped-routes.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { concerns, type MacOrIp } from '../evpn/explain.ts'
import { covers } from '../ipvpn/explain.ts'
import { formatIp, parseInterfaceAddress, parseIp } from '../values/address.ts'
import { formatMac, parseMac } from '../values/mac.ts'
import type { VpnInstance } from '../vpn/instance.ts'
import { explainEvpn, explainFloods, floodChains, isFlooded, isInvolved, macChains } from './explain-evpn.ts'
import { explainReflected, ipPrefixChains } from './explain-reflected.ts'
import { explainVrf, hasPart, prefixChains } from './explain-vrf.ts'
import { MAX_STRANGERS, showOutcome } from './explained.ts'
import type { ServiceViews } from './looking-glass/index.ts'
import { whyDown } from './looking-glass/peers.ts'
import { readQuery } from './query.ts'
import { serve } from './serve.ts'
import { instanceNamed, json, refuseOthers } from './status.ts'
import { turn } from './turns.ts'

/** The subject of the question. */
type ExplainedAddress = MacOrIp | { readonly prefix: Prefix }

/** `GET /explain?address=MAC|IP|PREFIX[&instance=ID]`: the location of the address, and the reason. */
export function addExplain(app: FastifyInstance, speaker: Speaker, services: ServiceViews | null): void {
  serve(app, ROUTES.explain, async (request, reply) => {
    const query = readQuery(request, ROUTES.explain.query)
    await turn()
    const subject = parseSubject(query.address)
    const answer: Explanation = {
      address: subjectText(subject),
      ...(await explained(subject, query.instance, speaker, services)),
      filtered_by: filteringPeers(speaker),
      down: downPeers(speaker),
      ...lost([...speaker.peers.values()], subject),
    }
    return json(reply).send(JSON.stringify(answer))
  })
  refuseOthers(app, '/explain', ['POST', 'PUT', 'PATCH', 'DELETE'])
}

function parseSubject(text: string | undefined): ExplainedAddress {
  if (text === undefined)
    throw new RequestError(
      'PARAMETER_MISSING',
      "missing parameter 'address': expected a MAC address, an IP address or a prefix",
    )
  const mac = parseMac(text)
  if (mac !== undefined) return { mac }
  const ip = parseIp(text)
  if (ip !== undefined) return { ip }
  const given = parseInterfaceAddress(text)
  if (given === undefined)
    throw new RequestError(
      'PARAMETER_INVALID',
      `'address' is ${JSON.stringify(text)}: expected a MAC address, an IP address or a prefix`,
    )
  return { prefix: { ip: maskPrefix(given.ip, given.prefixLength), length: given.prefixLength } }
}

function subjectText(subject: ExplainedAddress): string {
  if ('mac' in subject) return formatMac(subject.mac)
  return 'ip' in subject ? formatIp(subject.ip) : formatPrefix(subject.prefix)
}

async function explained(
  subject: ExplainedAddress,
  instance: string | undefined,
  speaker: Speaker,
  services: ServiceViews | null,
) {
  if (services !== null) {
    const only = instance === undefined ? null : instanceNamed(instance, services.vpns)
    return explain(subject, only, speaker, services)
  }
  if (instance !== undefined)
    throw new RequestError('PARAMETER_UNSUPPORTED', "'instance': there are no VPN instances here")
  const chains = Object.values(await chainsFor(subject, speaker)).flat()
  return { instances: [], routes: chains.length, ...explainReflected(chains, speaker) }
}

/** The routes in the RIB for the address. */
async function chainsFor(subject: ExplainedAddress, speaker: Speaker) {
  const inEvpn = 'prefix' in subject ? null : subject
  const inVrf = 'mac' in subject ? null : subject
  return {
    floods: inEvpn !== null && isFlooded(inEvpn) ? await floodChains(speaker) : [],
    macs: inEvpn === null || isFlooded(inEvpn) ? [] : await macChains(inEvpn, speaker),
    prefixes: inVrf === null ? [] : await prefixChains(inVrf, speaker),
    ipPrefixes: inVrf === null ? [] : await ipPrefixChains(inVrf, speaker),
  }
}

/** The instances that know the address, or `only` that one; where there are none, those that might. */
async function explain(
  subject: ExplainedAddress,
  only: VpnInstance | null,
  speaker: Speaker,
  { vpns, dataplane }: ServiceViews,
) {
  const views = { speaker, dataplane }
  const all = only === null ? [...vpns.instances.values()] : [only]
  const inEvpn = 'prefix' in subject ? null : subject
  const inVrf = 'mac' in subject ? null : subject
  const { floods, macs, prefixes, ipPrefixes } = await chainsFor(subject, speaker)
  const isConcerned = (one: VpnInstance): boolean =>
    one.type === 'evpn'
      ? inEvpn !== null && isInvolved(one, [...macs, ...floods], inEvpn)
      : inVrf !== null && hasPart(one, prefixes, inVrf)
  const concerned = only === null ? all.filter(isConcerned) : all
  const strangers = all.filter(({ type }) =>
    type === 'evpn' ? macs.length + floods.length > 0 : prefixes.length > 0,
  )
  const unused = unusedRoutes(all, ipPrefixes)
  const shown = concerned.length > 0 ? concerned : strangers.slice(0, MAX_STRANGERS)
  return {
    instances: await Promise.all(
      shown.flatMap((one): Promise<Explanation['instances'][number]>[] => {
        if (one.type === 'ipvpn') return inVrf === null ? [] : [explainVrf(one, prefixes, inVrf, views)]
        if (inEvpn === null) return []
        if (isFlooded(inEvpn)) return [explainFloods(one, floods, views)]
        return [explainEvpn(one, macs, inEvpn, views)]
      }),
    ),
    routes: macs.length + floods.length + prefixes.length + ipPrefixes.length,
    ...(unused.length === 0 ? {} : { unused }),
  }
}

/** IP prefix routes (RFC 9136) that an EVPN instance imports: it bridges, and has no use for them. */
function unusedRoutes(instances: readonly VpnInstance[], chains: readonly Route[][]): ExplainedRoute[] {
  const imported = chains.flatMap(([head]) =>
    head !== undefined && instances.some(({ routing }) => routing.imports.has(head)) ? [head] : [],
  )
  const reason = 'IP prefix routes of EVPN are not used'
  return imported.slice(0, MAX_STRANGERS).map((route) => showOutcome({ route, state: 'unusable', reason }))
}

/** Peers that send only routes of route targets that this node has memberships for (RFC 4684). */
function filteringPeers({ peers }: Speaker): string[] {
  return [...peers.values()].filter(({ isConstrained }) => isConstrained).map(({ sessions }) => sessions.name)
}

/** Enabled peers without a session. */
function downPeers({ peers }: Speaker): Explanation['down'] {
  return [...peers.values()].flatMap((peer) => {
    const reason = peer.disabled ? null : whyDown(peer)
    return reason === null ? [] : [{ peer: peer.sessions.name, reason }]
  })
}

/** Routes for the address outside of the RIB: rejected ones, unreadable NLRI with its octets, and malformed messages, of which there is only a count. */
function lost(
  peers: readonly BgpPeer[],
  subject: ExplainedAddress,
): Pick<Explanation, 'quarantined' | 'dropped' | 'malformed'> {
  const octets = 'mac' in subject ? macOctets(subject.mac) : 'ip' in subject ? subject.ip : subject.prefix.ip
  return {
    quarantined: peers.flatMap(({ source, routesIn }) =>
      routesIn.quarantine
        .filter(({ bytes }) => Buffer.from(bytes).includes(octets, 0, 'latin1'))
        .map(({ reason }) => ({ source: source.name, reason })),
    ),
    dropped: peers.flatMap(({ source, routesIn }) =>
      [...routesIn.dropped]
        .filter((route) => isAbout(route, subject))
        .map(({ family, nlri, reason }) => ({
          source: source.name,
          route: nlriCodec(family)!.format(nlri),
          reason,
        })),
    ),
    malformed: peers.flatMap(({ source, routesIn: { counters } }) =>
      counters.treatedAsWithdraw === 0 ? [] : [{ source: source.name, messages: counters.treatedAsWithdraw }],
    ),
  }
}

function isAbout({ nlri }: DroppedRoute, subject: ExplainedAddress): boolean {
  if ('mac' in nlri) return 'prefix' in subject ? false : concerns({ nlri }, subject)
  if ('mac' in subject) return false
  if ('prefix' in nlri) return covers(nlri.prefix, subject)
  return 'ip' in nlri && 'length' in nlri && covers(nlri, subject)
}

function macOctets(mac: number): string {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(mac, 0, 6)
  return bytes.toString('latin1')
}
