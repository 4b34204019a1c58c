import { type Driver, isOwned, type Link, type ObservedEntry, type OwnedObject } from '../driver.ts'
import { identity, type TableEntry } from '../kinds/index.ts'
import type { Bridge, LocalMac, Port, VrfPort } from '../model.ts'
import type { Refused } from '../refusal.ts'

/** Devices that are not ours, with entries that are. */
export interface OwnedEntryScope {
  readonly bridges: readonly string[]
  readonly vxlans: readonly string[]
  readonly localMacs: readonly LocalMac[]
}

/** All that carries our mark: entries at the given places and of VRFs first, then links, bridges after what is in them, then what they used. */
export function* ownedObjects(driver: Driver, places: OwnedEntryScope): Iterable<OwnedObject> {
  const vrfs = driver.ownedLinks().filter(({ table }) => table !== null)
  const ports = vrfs.flatMap(({ name }) => driver.portsOf(name))
  const bridges = driver.ownedLinks().filter(({ kind }) => kind === 'bridge')
  const members = bridges.flatMap(({ name }) => driver.portsOf(name)).filter((link) => !isOwned(link))
  // label routes are of no interface
  const held = ['lo', ...ports.map(({ name }) => name)].flatMap((device) => marked(driver, device))
  for (const entry of [...markedEntries(driver, places), ...held]) {
    yield { what: identity(entry), remove: () => driver.remove([entry]).get(0) ?? null }
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
  // left in no bridge, it would be the host's what their VMs send
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

/** The kernel lets nobody change links while it deletes some: a bridge costs it some 20 ms each, others all together. */
const LINKS_A_REQUEST = 256
const BRIDGES_A_REQUEST = 8

const LEAVING = { kind: 'port', given: false, learning: false, neighSuppress: false } as const

/** Links, so many deleted by one request: with the first of them that is removed go the others. */
function* together(driver: Driver, links: readonly Link[], limit: number): Iterable<OwnedObject> {
  for (let from = 0; from < links.length; from += limit) {
    const some = links.slice(from, from + limit)
    let refused: Refused | null = null
    const remove = () => {
      // of a link of ours only the name matters
      refused ??= driver.removeLinks(
        some.map(({ name, alias }) => ({ kind: 'bridge', device: name, given: false, alias: alias ?? '' })),
      )
      return refused
    }
    for (const [i, { kind, name, alias }] of some.entries())
      yield { what: `${kind} ${name} (${alias})`, remove: () => remove().get(i) ?? null }
  }
}

function markedEntries(driver: Driver, { bridges, vxlans, localMacs }: OwnedEntryScope): TableEntry[] {
  const wanted = new Set(localMacs.map(identity))
  const ports = new Set(localMacs.map(({ device }) => device))
  return [
    ...[...ports].flatMap((port) => marked(driver, port).filter((entry) => wanted.has(identity(entry)))),
    ...vxlans.flatMap((vxlan) => marked(driver, vxlan)),
    ...bridges.flatMap((bridge) => marked(driver, bridge).filter(({ kind }) => kind === 'neighbour')),
  ]
}

function marked(driver: Driver, device: string): TableEntry[] {
  const found = new Map<string, TableEntry>()
  const keep = ({ entry, marked: ours }: ObservedEntry) => {
    if (ours) found.set(identity(entry), entry)
  }
  for (const chunk of driver.dump(device)) for (const observed of chunk) keep(observed)
  return [...found.values()]
}
