import {
  isOwned,
  type Link,
  type ObservedEntry,
  type OwnedObject,
  type SynchronousDriver,
} from '../driver.ts'
import { identity, type TableEntry } from '../kinds/index.ts'
import type { Bridge, LocalMac, Port, VrfPort } from '../model.ts'
import type { Refused } from '../refusal.ts'

/** External devices that hold owned entries. */
export interface OwnedEntryScope {
  readonly bridges: readonly string[]
  readonly vxlans: readonly string[]
  readonly localMacs: readonly LocalMac[]
}

/** Everything with our mark: entries on these external devices and of VRFs first, then links, bridges after their ports, then what these used. */
export function* ownedObjects(driver: SynchronousDriver, places: OwnedEntryScope): Iterable<OwnedObject> {
  const vrfs = driver.ownedLinks().filter(({ table }) => table !== null)
  const ports = vrfs.flatMap(({ name }) => driver.portsOf(name))
  const left = vrfs.filter(({ alias }) => alias === null).flatMap(({ name }) => driver.portsOf(name))
  const bridges = driver.ownedLinks().filter(({ kind }) => kind === 'bridge')
  const members = bridges.flatMap(({ name }) => driver.portsOf(name)).filter((link) => !isOwned(link))
  // label routes belong to no interface
  const held = ['lo', ...ports.map(({ name }) => name)].flatMap((device) => marked(driver, device))
  for (const entry of [...markedEntries(driver, places), ...held]) {
    yield { what: identity(entry), remove: () => driver.remove([entry]).get(0) ?? null }
  }
  for (const entry of left.flatMap((port) => gatewaysLeftOn(driver, port)))
    yield {
      what: `${identity(entry)} (left by bagpipe-bgp)`,
      remove: () => driver.remove([entry]).get(0) ?? null,
    }
  for (const { name: device, master } of ports) {
    const port: VrfPort = { kind: 'vrf-port', device, vrf: master ?? '' }
    yield { what: `${identity(port)} of ${master}`, remove: () => driver.removeDevice(port) }
  }
  for (const device of places.bridges) {
    const bridge: Bridge = { kind: 'bridge', device, given: true, alias: '' }
    const local = new Set(places.localMacs.map((entry) => entry.device))
    const attached = driver.portsOf(device).filter(({ name }) => local.has(name))
    if (driver.link(device) === undefined || driver.isolationOf(device).by === null) continue
    const release = () => {
      for (const { name } of attached)
        driver.removeDevice({ ...LEAVING, given: true, device: name, bridge: device })
      return driver.removeDevice(bridge)
    }
    yield { what: `isolation of bridge ${device}`, remove: release }
  }
  // a port without a bridge would hand its VMs' frames to the host
  for (const { name: device, master } of members) {
    const port: Port = { ...LEAVING, device, bridge: master ?? '' }
    yield { what: `${identity(port)} of ${master}`, remove: () => driver.removeDevice(port) }
  }
  const links = driver.ownedLinks()
  yield* together(
    driver,
    links.filter(({ kind }) => kind !== 'bridge'),
    LINKS_A_REQUEST,
  )
  yield* together(
    driver,
    links.filter(({ kind }) => kind === 'bridge'),
    BRIDGES_A_REQUEST,
  )
  yield* driver.otherOwned()
}

/** The kernel blocks all other link changes while it deletes links: some 20 ms for each bridge, and once for all other links together. */
const LINKS_A_REQUEST = 256
const BRIDGES_A_REQUEST = 8

const LEAVING = { kind: 'port', given: false, learning: false, neighSuppress: false } as const

/** Links, several of them deleted by one request: removing the first of them removes the others. */
function* together(driver: SynchronousDriver, links: readonly Link[], limit: number): Iterable<OwnedObject> {
  for (let from = 0; from < links.length; from += limit) {
    const some = links.slice(from, from + limit)
    let refused: Refused | null = null
    const remove = () => {
      // of an owned link only the name matters
      refused ??= driver.removeLinks(
        some.map(({ name, alias }) => ({ kind: 'bridge', device: name, given: false, alias: alias ?? '' })),
      )
      return refused
    }
    for (const [i, { kind, name, alias }] of some.entries())
      yield {
        what: `${kind} ${name} (${alias ?? 'left by bagpipe-bgp'})`,
        remove: () => remove().get(i) ?? null,
      }
  }
}

function markedEntries(
  driver: SynchronousDriver,
  { bridges, vxlans, localMacs }: OwnedEntryScope,
): TableEntry[] {
  const wanted = new Set(localMacs.map(identity))
  const ports = new Set(localMacs.map(({ device }) => device))
  return [
    ...[...ports].flatMap((port) => marked(driver, port).filter((entry) => wanted.has(identity(entry)))),
    ...vxlans.flatMap((vxlan) => marked(driver, vxlan)),
    ...bridges.flatMap((bridge) => marked(driver, bridge).filter(({ kind }) => kind === 'neighbour')),
  ]
}

/** The gateway addresses that bagpipe-bgp gave a port of its VRF. */
function gatewaysLeftOn(driver: SynchronousDriver, port: Link): TableEntry[] {
  if (isOwned(port)) return []
  return [...driver.dump(port.name)].flat().flatMap(({ entry, isLeft }) => (isLeft ? [entry] : []))
}

function marked(driver: SynchronousDriver, device: string): TableEntry[] {
  const found = new Map<string, TableEntry>()
  const keep = ({ entry, marked: ours }: ObservedEntry) => {
    if (ours) found.set(identity(entry), entry)
  }
  for (const chunk of driver.dump(device)) for (const observed of chunk) keep(observed)
  return [...found.values()]
}
