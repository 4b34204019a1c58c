import type { Config } from '../config/config.ts'
import type { EventSink } from '../events/event.ts'
import { type Capability, firstFreePort, hasCapability } from '../linux/privileges.ts'

/** A capability that the configuration needs, and what does not work without it. */
export interface Lack {
  readonly capability: Capability
  readonly effect: string
}

/** The capabilities that the configuration needs and the process lacks. */
export function lacksOf(
  { usesKernel, evpn, bgp }: Pick<Config, 'usesKernel' | 'evpn' | 'bgp'>,
  has: (capability: Capability) => boolean = hasCapability,
  freePort = firstFreePort(),
): Lack[] {
  const lacks: Lack[] = []
  if (usesKernel && !has('CAP_NET_ADMIN'))
    lacks.push({ capability: 'CAP_NET_ADMIN', effect: 'nothing is programmed, attaches are refused' })
  if (evpn.driver === 'linux' && !has('CAP_BPF') && !has('CAP_SYS_ADMIN'))
    lacks.push({ capability: 'CAP_BPF', effect: 'bridges are isolated from the host by tc, or not at all' })
  if (bgp.listenPort !== null && bgp.listenPort < freePort && !has('CAP_NET_BIND_SERVICE'))
    lacks.push({
      capability: 'CAP_NET_BIND_SERVICE',
      effect: `peers cannot connect to port ${bgp.listenPort}; sessions that this node opens work`,
    })
  return lacks
}

/** Emits what the process lacks, if anything. It starts without: BGP and the API work, and `chanter status` names what does not. */
export function emitLacks(lacks: readonly Lack[], events: EventSink): void {
  if (lacks.length === 0) return
  const missing = lacks.map(({ capability }) => capability)
  const effects = lacks.map(({ capability, effect }) => `without ${capability} ${effect}`)
  const reason = `${effects.join('; ')}: start it as root, or with these capabilities (systemd: AmbientCapabilities=${missing.join(' ')}; docs/security.md)`
  events.emit({ type: 'capabilities-missing', missing, reason })
}
