import { type Ip, isLinkLocal } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Driver } from './driver.ts'
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

/** Everything that decides whether an interface can be a port, at one moment. */
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
export function survey(asked: PortQuestion, kernel: SurveyedDriver): PortSurvey {
  const named = (name: string | null) => (name === null ? undefined : kernel.link(name))
  const port = named(asked.port)
  const linuxBridge = named(asked.linuxBridge)
  const bridge = asked.bridge ?? linuxBridge?.name ?? null
  const stacks = new Map<string, readonly string[]>()
  return {
    port,
    lowers: port === undefined ? [] : lowersOf(port, kernel),
    pair: named(port?.pair ?? null),
    master: named(port?.master ?? null),
    linuxBridge,
    hostAddress: port?.kind === 'bridge' ? hostAddressOf(port, kernel) : null,
    macOwner: bridge === null ? null : kernel.ownAddressIn(bridge, asked.mac),
    uplinks: asked.uplinks.map((uplink) => {
      const device = deviceOf(uplink, kernel)
      if (device === null) return []
      const stack = stacks.get(device) ?? stackOf(device, kernel)
      stacks.set(device, stack)
      return stack
    }),
  }
}

function hostAddressOf({ name }: Interface, kernel: SurveyedDriver): Ip | null {
  const own = kernel.nodeAddresses().find(({ ip }) => !isLinkLocal(ip) && kernel.holderOf(ip) === name)
  return own?.ip ?? null
}

function lowersOf({ lower }: Interface, kernel: SurveyedDriver): string[] {
  const lowers: string[] = []
  for (let next = lower; next !== null && !lowers.includes(next); ) {
    lowers.push(next)
    next = kernel.link(next)?.lower ?? null
  }
  return lowers
}

function deviceOf(uplink: Uplink, kernel: SurveyedDriver): string | null {
  if ('holds' in uplink) return kernel.holderOf(uplink.holds)
  return 'leadsTo' in uplink ? (kernel.nextHopTo(uplink.leadsTo)?.device ?? null) : uplink.device
}

/** The interface, and all interfaces that it stands on. */
function stackOf(device: string, kernel: SurveyedDriver): string[] {
  const stack = new Set([device])
  for (const name of stack) {
    const link = kernel.link(name)
    if (link === undefined) continue
    if (AGGREGATES.has(link.kind)) for (const port of kernel.portsOf(link.name)) stack.add(port.name)
    if (link.lower !== null) stack.add(link.lower)
  }
  return [...stack]
}
