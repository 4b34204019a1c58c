import { type Ip, isLinkLocal } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Driver, Link } from './driver.ts'
import { type AskingSteps, answerTo, type Eventual, takeSteps } from './eventual.ts'
import type { Interface } from './model.ts'

/** Kinds of interfaces that stand on the devices enslaved to them. */
const AGGREGATES: ReadonlySet<string | null> = new Set(['bond', 'team', 'bridge'])

/** An interface that the node itself uses: named by an address on it, by an address reached through it, or by name. */
export type Uplink = { readonly holds: Ip } | { readonly leadsTo: Ip } | { readonly device: string }

/** A question about an interface that is to become a port. */
export interface PortQuestion {
  /** Its name, or an alternative one (altname). */
  readonly port: string
  /** The MAC address of the endpoint behind it. */
  readonly mac: Mac
  /** The bridge that it is to enter; null for that of `linuxBridge`. */
  readonly bridge: string | null
  /** The bridge that the agent names, which may have other names too; null for none. */
  readonly linuxBridge: string | null
  readonly uplinks: readonly Uplink[]
}

/** Everything that decides whether an interface can be a port: at one moment where the driver answers at once, else as it was asked, one thing after the other. */
export interface PortSurvey {
  readonly port: Interface | undefined
  /** The interfaces below the port, the nearest first. */
  readonly lowers: readonly string[]
  /** The peer of the port, where it is a veth. */
  readonly pair: Interface | undefined
  /** The master of the port. */
  readonly master: Interface | undefined
  readonly linuxBridge: Interface | undefined
  /** Where the port is a bridge, an address of the node on it; null for none. */
  readonly hostAddress: Ip | null
  /** The bridge or port of it that has `mac` as its own address; null for none. */
  readonly macOwner: string | null
  /** For each of `uplinks`: its name, then the names of all interfaces that it stands on; empty where there is none. */
  readonly uplinks: readonly (readonly string[])[]
}

type SurveyedDriver = Pick<
  Driver,
  'link' | 'holderOf' | 'nextHopTo' | 'portsOf' | 'ownAddressIn' | 'nodeAddresses'
>

/** Gathers all of it in one call: separate questions to another thread would each cost a round trip. */
export function survey(asked: PortQuestion, kernel: SurveyedDriver): Eventual<PortSurvey> {
  return takeSteps(surveySteps(asked, kernel))
}

function* surveySteps(asked: PortQuestion, kernel: SurveyedDriver): AskingSteps<PortSurvey> {
  const port = yield* linkNamed(asked.port, kernel)
  const linuxBridge = yield* linkNamed(asked.linuxBridge, kernel)
  const bridge = asked.bridge ?? linuxBridge?.name ?? null
  return {
    port,
    lowers: port === undefined ? [] : yield* lowersOf(port, kernel),
    pair: yield* linkNamed(port?.pair ?? null, kernel),
    master: yield* linkNamed(port?.master ?? null, kernel),
    linuxBridge,
    hostAddress: port?.kind === 'bridge' ? yield* hostAddressOf(port, kernel) : null,
    macOwner: bridge === null ? null : yield* answerTo(kernel.ownAddressIn(bridge, asked.mac)),
    uplinks: yield* stacksOf(asked.uplinks, kernel),
  }
}

function* linkNamed(name: string | null, kernel: SurveyedDriver): AskingSteps<Link | undefined> {
  return name === null ? undefined : yield* answerTo(kernel.link(name))
}

function* hostAddressOf({ name }: Interface, kernel: SurveyedDriver): AskingSteps<Ip | null> {
  for (const { ip } of yield* answerTo(kernel.nodeAddresses()))
    if (!isLinkLocal(ip) && (yield* answerTo(kernel.holderOf(ip))) === name) return ip
  return null
}

function* lowersOf({ lower }: Interface, kernel: SurveyedDriver): AskingSteps<string[]> {
  const lowers: string[] = []
  for (let next = lower; next !== null && !lowers.includes(next); ) {
    lowers.push(next)
    next = (yield* answerTo(kernel.link(next)))?.lower ?? null
  }
  return lowers
}

function* stacksOf(uplinks: readonly Uplink[], kernel: SurveyedDriver): AskingSteps<(readonly string[])[]> {
  const stacks = new Map<string, readonly string[]>()
  const found: (readonly string[])[] = []
  for (const uplink of uplinks) {
    const device = yield* deviceOf(uplink, kernel)
    const stack = device === null ? [] : (stacks.get(device) ?? (yield* stackOf(device, kernel)))
    if (device !== null) stacks.set(device, stack)
    found.push(stack)
  }
  return found
}

function* deviceOf(uplink: Uplink, kernel: SurveyedDriver): AskingSteps<string | null> {
  if ('holds' in uplink) return yield* answerTo(kernel.holderOf(uplink.holds))
  if ('device' in uplink) return uplink.device
  return (yield* answerTo(kernel.nextHopTo(uplink.leadsTo)))?.device ?? null
}

/** The interface, and all interfaces that it stands on. */
function* stackOf(device: string, kernel: SurveyedDriver): AskingSteps<string[]> {
  const stack = new Set([device])
  for (const name of stack) {
    const link = yield* answerTo(kernel.link(name))
    if (link === undefined) continue
    if (AGGREGATES.has(link.kind))
      for (const port of yield* answerTo(kernel.portsOf(link.name))) stack.add(port.name)
    if (link.lower !== null) stack.add(link.lower)
  }
  return [...stack]
}
