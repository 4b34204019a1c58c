import type { ListedPeer, RouteTables, ShownRoute } from '../api/looking-glass.ts'
import { fetchJson, type Server } from '../client.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { run } from './command.ts'
import type { LabHost } from './network.ts'

/** A line of `bridge -json fdb show`. */
export interface FdbEntry {
  readonly mac: string
  readonly ifname: string
  readonly flags: readonly string[]
  readonly master?: string
  readonly dst?: string
  readonly vni?: number
  readonly state?: string
}

/** State of the daemon's session with `peer`; undefined when it has none. */
export async function sessionState(api: Server, peer: string): Promise<string | undefined> {
  const peers = await fetchJson<readonly ListedPeer[]>(api, '/looking-glass/bgp/peers')
  return peers.find(({ id }) => id === peer)?.state
}

/** A route of the looking glass, with its own text. */
export interface LearntRoute extends ShownRoute {
  readonly nlri: string
}

/** The received EVPN routes of the daemon's peers. */
export async function learntRoutes(api: Server): Promise<LearntRoute[]> {
  const tables = await fetchJson<RouteTables>(api, '/looking-glass/bgp/routes')
  return (tables['l2vpn/evpn,*'] ?? [])
    .flatMap((shown) => Object.entries(shown).map(([nlri, route]) => ({ nlri, ...route })))
    .filter(({ source }) => source.id.startsWith('BGP-'))
}

/** The route for `mac` among the learnt ones. */
export async function learntMac(api: Server, mac: Mac): Promise<LearntRoute | undefined> {
  const text = formatMac(mac)
  return (await learntRoutes(api)).find(({ nlri }) => nlri.toLowerCase().includes(`:${text}/48`))
}

export async function fdb(host: LabHost): Promise<FdbEntry[]> {
  return JSON.parse(await run('bridge', '-netns', host.namespace, '-json', 'fdb', 'show'))
}

/** Name of the VXLAN device of `vni`; undefined when there is none. */
export async function vxlanDevice(host: LabHost, vni: number): Promise<string | undefined> {
  const links: { ifname: string; linkinfo?: { info_data?: { id?: number } } }[] = JSON.parse(
    await run('ip', '-n', host.namespace, '-json', '-details', 'link', 'show', 'type', 'vxlan'),
  )
  return links.find(({ linkinfo }) => linkinfo?.info_data?.id === vni)?.ifname
}
