import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Driver } from './driver.ts'
import type { Interface } from './model.ts'

/** Kinds of interfaces that stand on what is enslaved to them. */
const AGGREGATES: ReadonlySet<string | null> = new Set(['bond', 'team', 'bridge'])

/** An interface that the machine itself uses: the one that has an address, the one that leads to an address, or the one of a name. */
export type Uplink = { readonly holds: Ip } | { readonly leadsTo: Ip } | { readonly device: string }

/** What is asked about an interface that is to be a port. */
export interface PortQuestion {
  /** Its name, or another one that it has (altname). */
  readonly port: string
  /** Of the endpoint behind it. */
  readonly mac: Mac
  /** The bridge that it is to be in; null for the one of `linuxBridge`. */
  readonly bridge: string | null
  /** The bridge that the agent names, which may have other names too; null for none. */
  readonly linuxBridge: string | null
  readonly uplinks: readonly Uplink[]
}

/** All that decides whether an interface can be a port, as it is at one moment. */
export interface PortSurvey {
  readonly port: Interface | undefined
  /** What the port stands on, the nearest first. */
  readonly lowers: readonly string[]
  /** The other end of the port, where it is a veth. */
  readonly pair: Interface | undefined
  /** What the port is enslaved to. */
  readonly master: Interface | undefined
  readonly linuxBridge: Interface | undefined
  /** The bridge or port of it whose own address `mac` is; null where it is of none. */
  readonly macOwner: string | null
  /** Of each of `uplinks`: its name, and behind it the names of all that it stands on; empty where there is none. */
  readonly uplinks: readonly (readonly string[])[]
}

type Kernel = Pick<Driver, 'link' | 'holderOf' | 'nextHopTo' | 'portsOf' | 'ownAddressIn'>

/** Asks all of it in one go: where another thread answers, each question by itself would have a long way. */
export function survey(asked: PortQuestion, kernel: Kernel): PortSurvey {
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

function lowersOf({ lower }: Interface, kernel: Kernel): string[] {
  const lowers: string[] = []
  for (let next = lower; next !== null && !lowers.includes(next); ) {
    lowers.push(next)
    next = kernel.link(next)?.lower ?? null
  }
  return lowers
}

function deviceOf(uplink: Uplink, kernel: Kernel): string | null {
  if ('holds' in uplink) return kernel.holderOf(uplink.holds)
  return 'leadsTo' in uplink ? (kernel.nextHopTo(uplink.leadsTo)?.device ?? null) : uplink.device
}

/** The interface, and all that it stands on. */
function stackOf(device: string, kernel: Kernel): string[] {
  const stack = new Set([device])
  for (const name of stack) {
    const link = kernel.link(name)
    if (link === undefined) continue
    if (AGGREGATES.has(link.kind)) for (const port of kernel.portsOf(link.name)) stack.add(port.name)
    if (link.lower !== null) stack.add(link.lower)
  }
  return [...stack]
}
