import { type Driver, isOwned, type Link, type ObservedEntry, type OwnedObject } from '../driver.ts'
import type { Eventual } from '../eventual.ts'
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
export async function ownedObjects(driver: Driver, scope: OwnedEntryScope): Promise<OwnedObject[]> {
  const links = await driver.ownedLinks()
  const vrfs = links.filter(({ table }) => table !== null)
  const bridges = links.filter(({ kind }) => kind === 'bridge')
  const others = links.filter(({ kind }) => kind !== 'bridge')
  return [
    ...(await entriesOf(driver, scope, vrfs)),
    ...(await eachOf(vrfs, ({ name }) => vrfPorts(driver, name))),
    ...(await eachOf(scope.bridges, (bridge) => isolationOf(driver, bridge, scope))),
    ...(await eachOf(bridges, ({ name }) => externalPorts(driver, name))),
    ...together(driver, others, LINKS_A_REQUEST),
    ...together(driver, bridges, BRIDGES_A_REQUEST),
    ...(await driver.otherOwned()),
  ]
}

/** What carries our mark on external bridges and their ports: neighbours, MAC addresses and the isolation. */
export async function ownedOnBridges(
  driver: Driver,
  { bridges, localMacs }: Omit<OwnedEntryScope, 'vxlans'>,
): Promise<OwnedObject[]> {
  const scope = { bridges, localMacs, vxlans: [] }
  const entries = await markedEntries(driver, scope)
  return [
    ...entries.map((entry) => removable(driver, entry)),
    ...(await eachOf(bridges, (bridge) => isolationOf(driver, bridge, scope))),
  ]
}

/** The answers for all of them, in one list. */
async function eachOf<T, R>(all: readonly T[], ask: (one: T) => Eventual<readonly R[]>): Promise<R[]> {
  return (await Promise.all(all.map(ask))).flat()
}

/** The kernel blocks all other link changes while it deletes links: some 20 ms for each bridge, and once for all other links together. */
const LINKS_A_REQUEST = 256
const BRIDGES_A_REQUEST = 8

const LEAVING = { kind: 'port', external: false, learning: false, neighSuppress: false } as const

async function entriesOf(
  driver: Driver,
  scope: OwnedEntryScope,
  vrfs: readonly Link[],
): Promise<OwnedObject[]> {
  const portsOf = ({ name }: Link) => driver.portsOf(name)
  const ports = await eachOf(vrfs, portsOf)
  const left = await eachOf(
    vrfs.filter(({ alias }) => alias === null),
    portsOf,
  )
  const objects = (await markedEntries(driver, scope)).map((entry) => removable(driver, entry))
  // label routes belong to no interface
  for (const device of ['lo', ...ports.map(({ name }) => name)])
    for (const entry of await marked(driver, device)) objects.push(removable(driver, entry))
  for (const port of left)
    for (const entry of await gatewaysLeftOn(driver, port))
      objects.push(removable(driver, entry, `${identity(entry)} (left by bagpipe-bgp)`))
  return objects
}

function removable(driver: Driver, entry: TableEntry, what = identity(entry)): OwnedObject {
  return { what, remove: async () => (await driver.remove([entry])).get(0) ?? null }
}

async function vrfPorts(driver: Driver, vrf: string): Promise<OwnedObject[]> {
  return (await driver.portsOf(vrf)).map(({ name: device }) => {
    const port: VrfPort = { kind: 'vrf-port', device, vrf }
    return { what: `${identity(port)} of ${vrf}`, remove: () => driver.removeDevice(port) }
  })
}

async function isolationOf(
  driver: Driver,
  device: string,
  { localMacs }: OwnedEntryScope,
): Promise<OwnedObject[]> {
  const bridge: Bridge = { kind: 'bridge', device, external: true, alias: '' }
  const local = new Set(localMacs.map((entry) => entry.device))
  const attached = (await driver.portsOf(device)).filter(({ name }) => local.has(name))
  if ((await driver.link(device)) === undefined || (await driver.isolationOf(device)).by === null) return []
  const release = async () => {
    for (const { name } of attached)
      await driver.removeDevice({ ...LEAVING, external: true, device: name, bridge: device })
    return driver.removeDevice(bridge)
  }
  return [{ what: `isolation of bridge ${device}`, remove: release }]
}

/** The external ports of an owned bridge: one without a bridge would hand its VMs' frames to the host. */
async function externalPorts(driver: Driver, bridge: string): Promise<OwnedObject[]> {
  const ports = (await driver.portsOf(bridge)).filter((link) => !isOwned(link))
  return ports.map(({ name: device }) => {
    const port: Port = { ...LEAVING, device, bridge }
    return { what: `${identity(port)} of ${bridge}`, remove: () => driver.removeDevice(port) }
  })
}

/** Links, several of them deleted by one request: removing the first of them removes the others. */
function* together(driver: Driver, links: readonly Link[], limit: number): Iterable<OwnedObject> {
  for (let from = 0; from < links.length; from += limit) {
    const some = links.slice(from, from + limit)
    let answer: Promise<Refused> | null = null
    const remove = async () =>
      // of an owned link only the name matters
      driver.removeLinks(
        some.map(({ name, alias }) => ({
          kind: 'bridge',
          device: name,
          external: false,
          alias: alias ?? '',
        })),
      )
    for (const [i, { kind, name, alias }] of some.entries())
      yield {
        what: `${kind} ${name} (${alias ?? 'left by bagpipe-bgp'})`,
        remove: async () => {
          answer ??= remove()
          return (await answer).get(i) ?? null
        },
      }
  }
}

async function markedEntries(
  driver: Driver,
  { bridges, vxlans, localMacs }: OwnedEntryScope,
): Promise<TableEntry[]> {
  const wanted = new Set(localMacs.map(identity))
  const found: TableEntry[] = []
  for (const port of new Set(localMacs.map(({ device }) => device)))
    found.push(...(await marked(driver, port)).filter((entry) => wanted.has(identity(entry))))
  for (const vxlan of vxlans) found.push(...(await marked(driver, vxlan)))
  for (const bridge of bridges)
    found.push(...(await marked(driver, bridge)).filter(({ kind }) => kind === 'neighbour'))
  return found
}

/** The gateway addresses that bagpipe-bgp gave a port of its VRF. */
async function gatewaysLeftOn(driver: Driver, port: Link): Promise<TableEntry[]> {
  if (isOwned(port)) return []
  const observed = await dumped(driver, port.name)
  return observed.flatMap(({ entry, isLeft }) => (isLeft ? [entry] : []))
}

/** The entries with our mark, each once. */
async function marked(driver: Driver, device: string): Promise<TableEntry[]> {
  const observed = (await dumped(driver, device)).filter((one) => one.marked)
  return [...new Map(observed.map(({ entry }) => [identity(entry), entry])).values()]
}

async function dumped(driver: Driver, device: string): Promise<ObservedEntry[]> {
  const observed: ObservedEntry[] = []
  for (const chunk of driver.dump(device)) for (const one of await chunk) observed.push(one)
  return observed
}
