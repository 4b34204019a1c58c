import type { FastifyInstance } from 'fastify'
import { EVPN } from '../bgp/family.ts'
import type { Neighbour } from '../bgp/neighbour.ts'
import { isStale, type Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget } from '../bgp/values/extended-community.ts'
import { type Address, concerns, entriesOf, isAt, judge, type Verdict } from '../evpn/explain.ts'
import { isMacRoute, type MacRoute, mobilityOf } from '../evpn/select.ts'
import { formatIp, parseIp } from '../values/address.ts'
import { formatMac, parseMac } from '../values/mac.ts'
import type { EvpnNetwork } from '../vpn/instance.ts'
import type { VpnService } from '../vpn/service.ts'
import type { DataplaneView } from './dataplane-view.ts'
import { BadRequest } from './errors.ts'
import type { ServiceViews } from './looking-glass/index.ts'
import { nlriText } from './looking-glass/routes.ts'
import { readQuery } from './query.ts'
import { instanceNamed, json, refuseOthers } from './status.ts'
import { showItem } from './status-entries.ts'

/** Instances shown where none has to do with the address, and routes shown that an instance does not import. */
const MAX_STRANGERS = 20

/** `GET /explain?address=MAC|IP[&instance=ID]`: where the address is, and why there. */
export function addExplain(app: FastifyInstance, speaker: Speaker, { vpns, dataplane }: ServiceViews): void {
  app.get('/explain', async (request, reply) => {
    const query = readQuery(request, ['address', 'instance'])
    const address = parseAddress(query.address)
    const only = query.instance === undefined ? null : instanceNamed(query.instance, vpns)
    if (only?.type === 'ipvpn')
      throw new BadRequest(`'instance' is ${only.vpn.config.id}, an IP VPN: only EVPN is explained`)
    const chains = await chainsFor(address, speaker)
    const shown = only === null ? concerned(vpns, chains, address) : [only]
    const answer = {
      address: 'mac' in address ? formatMac(address.mac) : formatIp(address.ip),
      instances: shown.map((instance) => explain(instance, chains, address, dataplane)),
      routes: chains.length,
      ...lost([...speaker.neighbours.values()], address),
    }
    return json(reply).send(JSON.stringify(answer))
  })
  refuseOthers(app, '/explain', ['POST', 'PUT', 'PATCH', 'DELETE'])
}

function parseAddress(text: string | undefined): Address {
  if (text === undefined) throw new BadRequest("missing parameter 'address': expected a MAC or IP address")
  const mac = parseMac(text)
  if (mac !== undefined) return { mac }
  const ip = parseIp(text)
  if (ip !== undefined) return { ip }
  throw new BadRequest(`'address' is ${JSON.stringify(text)}: expected a MAC or IP address`)
}

/** The routes for an address in the RIB, by key, the best of each first. */
function chainsFor(address: Address, { rib }: Speaker): Promise<MacRoute[][]> {
  const chains: MacRoute[][] = []
  const visit = (head: Route): boolean => {
    if (!isMacRoute(head) || !concerns(head, address)) return true
    const chain: MacRoute[] = []
    for (let route: Route | null = head; route !== null; route = route.next) chain.push(route as MacRoute)
    chains.push(chain)
    return true
  }
  return new Promise((resolve) => rib.walk(rib.best(EVPN), visit, () => resolve(chains)))
}

/** The instances that have the address, or import a route for it; where there are none, those that might. */
function concerned(
  { instances }: VpnService,
  chains: readonly MacRoute[][],
  address: Address,
): EvpnNetwork[] {
  const all = [...instances.values()].filter((one) => one.type === 'evpn')
  const found = all.filter(
    ({ evpn, attachments }) =>
      [...attachments].some((one) => isAt(one, address)) ||
      chains.some(([head]) => head !== undefined && evpn.imports(head)),
  )
  if (found.length > 0) return found
  return chains.length === 0 ? [] : all.slice(0, MAX_STRANGERS)
}

function explain(
  { evpn, attachments }: EvpnNetwork,
  chains: readonly MacRoute[][],
  address: Address,
  dataplane: DataplaneView,
): unknown {
  const local = [...attachments].filter((one) => isAt(one, address))
  const verdicts = judge(evpn, chains, local.length > 0)
  const strangers = verdicts.filter(({ fate }) => fate === 'not imported')
  const imported = verdicts.filter(({ fate }) => fate !== 'not imported')
  const routes = imported.map(({ route }) => route)
  const entries = [...entriesOf(evpn, address, routes, local)].map((entry) => dataplane.find(entry))
  return {
    id: evpn.config.id,
    name: evpn.config.name,
    vni: evpn.config.vni,
    import: [...evpn.importTargets].map(formatRouteTarget),
    local: local.map(({ mac, ip, port, direction }) => ({
      mac: formatMac(mac),
      ip: ip === null ? null : formatIp(ip),
      port,
      direction,
      sequence: evpn.mobility.sequenceOf(mac),
      duplicate: evpn.mobility.duplicateSince(mac) !== undefined,
    })),
    routes: [...imported, ...strangers.slice(0, MAX_STRANGERS)].map(showVerdict),
    not_shown: Math.max(0, strangers.length - MAX_STRANGERS),
    entries: entries.filter((item) => item !== undefined).map((item) => showItem(item, dataplane)),
  }
}

function showVerdict({ route, fate, reason }: Verdict): unknown {
  const { set, nlri, source } = route
  const { sticky, sequence } = mobilityOf(set)
  return {
    fate,
    reason,
    next_hop: set.nextHop === null ? null : formatIp(set.nextHop),
    vni: nlri.label,
    source: source.name,
    local_pref: set.attributes.localPref,
    mobility: { sequence, sticky },
    route_targets: set.routeTargets.map(formatRouteTarget),
    stale: isStale(route),
    route: nlriText(route),
  }
}

/** What may have been about the address and did not come to the RIB: unreadable NLRI that holds its octets, and routes that were only counted. */
function lost(neighbours: readonly Neighbour[], address: Address): object {
  const octets = 'mac' in address ? macOctets(address.mac) : address.ip
  return {
    quarantined: neighbours.flatMap(({ source, routesIn }) =>
      routesIn.quarantine
        .filter(({ bytes }) => Buffer.from(bytes).includes(octets, 0, 'latin1'))
        .map(({ reason }) => ({ source: source.name, reason })),
    ),
    dropped: neighbours.flatMap(({ source, routesIn: { counters } }) => {
      const { looped, rejected, treatedAsWithdraw } = counters
      if (looped + rejected + treatedAsWithdraw === 0) return []
      return [{ source: source.name, looped, rejected, treated_as_withdraw: treatedAsWithdraw }]
    }),
  }
}

function macOctets(mac: number): string {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(mac, 0, 6)
  return bytes.toString('latin1')
}
