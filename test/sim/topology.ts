import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { ip } from '../support/speakers.ts'
import type { IngredientName } from './ingredients.ts'
import { Random } from './random.ts'

export const AS = 64512
/** How long reflectors with long-lived graceful restart have their routes kept. */
const LONG_LIVED_SECONDS = 300

/** One machine and its sessions. */
export interface Site {
  readonly address: Ip
  readonly isReflector: boolean
  readonly as: number
  /** Of a machine in an AS of its own: whether it has a policy for its peers (RFC 8212). */
  readonly hasPolicy: boolean
  readonly peers: readonly Ip[]
  readonly families: readonly Family[]
  readonly restartSeconds: number
  readonly headlessSeconds: number
  /** How long routes of a node are kept that go all at once. */
  readonly vanishedSeconds: number
  /** Whether a node keeps a state file. */
  readonly keepsState: boolean
  readonly speech: Speech
}

/** What a machine leaves out of its sessions, as other implementations do, or adds. */
export interface Speech {
  readonly gracefulRestart: boolean
  readonly endOfRib: boolean
  /** How long the routes of it are kept as a last resort; 0: not at all. */
  readonly longLivedSeconds: number
}

export interface Topology {
  readonly latencyMs: number
  readonly reflectors: readonly Site[]
  readonly nodes: readonly Site[]
}

/** What a network is made of. */
export function drawTopology(seed: number, has: ReadonlySet<IngredientName>): Topology {
  const random = Random.for(seed, 'topology')
  const latencyMs = random.between(1, 20)
  const fewest = has.has('own-clients') || has.has('lost-side') || has.has('dead-reflector') ? 2 : 0
  const reflectorCount = Math.max(fewest, random.pick([0, 1, 1, 2, 3]))
  const reflectors = addresses('10.0.1', reflectorCount)
  const nodes = addresses('10.0.0', random.between(2, 6))
  const families = random.chance(0.8) ? [EVPN, VPNV4, ROUTE_TARGET] : [EVPN, VPNV4]
  const restartSeconds = random.chance(0.5) ? 120 : 0
  const headlessSeconds = random.chance(0.5) ? 600 : 0
  const vanishedSeconds = Random.for(seed, 'vanished').chance(0.5) ? 20 : 0
  const homes = new Map(nodes.map((node) => [node, homesOf(seed, node, reflectors, has)]))
  const others = (all: readonly Ip[], one: Ip): Ip[] => all.filter((other) => other !== one)
  const peersOf = (one: Ip): Ip[] => {
    const home = homes.get(one)
    if (home === undefined)
      return [...nodes.filter((node) => homes.get(node)!.includes(one)), ...others(reflectors, one)]
    return reflectors.length === 0 ? others(nodes, one) : home
  }
  const site = (address: Ip, index: number): Site => {
    const isReflector = reflectors.includes(address)
    const own = Random.for(seed, `external ${formatIp(address)}`)
    const isExternal = has.has('external') && !isReflector && own.chance(0.4)
    return {
      address,
      isReflector,
      as: isExternal ? AS + 1 + index : AS,
      hasPolicy: !isExternal || own.chance(0.7),
      peers: peersOf(address),
      families: lacks(seed, address, 'no-rtc', has)
        ? families.filter((family) => family !== ROUTE_TARGET)
        : families,
      restartSeconds,
      headlessSeconds,
      vanishedSeconds,
      keepsState: !isReflector && random.chance(0.8),
      speech: drawSpeech(seed, address, isReflector, has),
    }
  }
  return { latencyMs, reflectors: reflectors.map(site), nodes: nodes.map(site) }
}

/** The reflectors of a node: all, or one or two of them. */
function homesOf(seed: number, node: Ip, reflectors: readonly Ip[], has: ReadonlySet<IngredientName>): Ip[] {
  const random = Random.for(seed, `homes ${formatIp(node)}`)
  if (!has.has('own-clients') || random.chance(0.1)) return [...reflectors]
  const first = random.pick(reflectors)
  return random.chance(0.8) ? [first] : [...new Set([first, random.pick(reflectors)])]
}

function drawSpeech(
  seed: number,
  address: Ip,
  isReflector: boolean,
  has: ReadonlySet<IngredientName>,
): Speech {
  const endOfRib = !lacks(seed, address, 'no-end-of-rib', has)
  const gracefulRestart = endOfRib && !lacks(seed, address, 'no-graceful-restart', has)
  const isLongLived = gracefulRestart && isReflector && lacks(seed, address, 'long-lived', has)
  return { gracefulRestart, endOfRib, longLivedSeconds: isLongLived ? LONG_LIVED_SECONDS : 0 }
}

/** Whether an ingredient falls on a machine. */
function lacks(seed: number, address: Ip, name: IngredientName, has: ReadonlySet<IngredientName>): boolean {
  return has.has(name) && Random.for(seed, `${name} ${formatIp(address)}`).chance(0.5)
}

function addresses(prefix: string, count: number): Ip[] {
  return Array.from({ length: count }, (_, i) => ip(`${prefix}.${i + 1}`))
}

/** Pairs of machines with a session, each once, nodes first. */
export function wiresOf({ reflectors, nodes }: Topology): (readonly [Ip, Ip])[] {
  return [...reflectors, ...nodes].flatMap(({ address, peers }) =>
    peers.filter((peer) => address < peer).map((peer) => [address, peer] as const),
  )
}

/** A reflector without which each node still has one. */
export function dispensable(random: Random, { reflectors, nodes }: Topology): number | null {
  const candidates = reflectors.flatMap(({ address }, i) =>
    nodes.every(({ peers }) => peers.some((peer) => peer !== address)) ? [i] : [],
  )
  return candidates.length === 0 || reflectors.length < 2 ? null : random.pick(candidates)
}

/** A machine and its sessions, for people. */
export function describeSite(site: Site): string {
  const { address, isReflector, as, hasPolicy, peers, families, speech } = site
  const traits = [
    as === AS ? null : `AS ${as}${hasPolicy ? '' : ', no policy'}`,
    families.includes(ROUTE_TARGET) ? null : 'no RTC',
    speech.gracefulRestart && site.restartSeconds > 0 ? `restart time ${site.restartSeconds}` : null,
    speech.gracefulRestart ? null : 'no graceful restart',
    speech.endOfRib ? null : 'no End-of-RIB',
    speech.longLivedSeconds > 0 ? `stale time ${speech.longLivedSeconds}` : null,
    site.headlessSeconds > 0 && !isReflector ? `headless time ${site.headlessSeconds}` : null,
    site.vanishedSeconds > 0 && !isReflector ? `vanished time ${site.vanishedSeconds}` : null,
    isReflector || site.keepsState ? null : 'no state file',
  ].filter((trait) => trait !== null)
  const kind = isReflector ? 'reflector' : 'node'
  return [`${kind} ${formatIp(address)} with ${peers.map(formatIp).join(' ')}`, ...traits].join(', ')
}
