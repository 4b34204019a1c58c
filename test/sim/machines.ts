import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { PEER_DEFAULTS, type PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { type RestartConfig, SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import type { Driver } from '../../src/dataplane/driver.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import type { EventSink } from '../../src/events/event.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { readvertises } from '../../src/vpn/state.ts'
import { LateDriver } from '../dataplane/late-driver.ts'
import { decodeState } from '../support/state.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'
import type { VirtualNetwork } from '../support/virtual-network.ts'
import { vpnConfig } from '../support/vpn-config.ts'
import { Agent } from './agent.ts'
import { watchDeletions } from './deletion-oracle.ts'
import { Disk, type Kept } from './disk.ts'
import type { IngredientName } from './ingredients.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { speaking } from './speech.ts'
import type { Site } from './topology.ts'

/** The interface that carries MPLS. */
export const CORE = 'core'

/** What machines share. */
export interface Surroundings {
  readonly clock: VirtualClock
  readonly network: VirtualNetwork
  readonly random: Random
  readonly events: EventSink
  readonly seed: number
  readonly has: ReadonlySet<IngredientName>
}

function speakerOn(
  { random, events }: Surroundings,
  process: Process,
  site: Site,
  sites: ReadonlyMap<Ip, Site>,
  restart: RestartConfig,
  onComplete: () => void,
): Speaker {
  const { address, as, peers, families, isReflector, headlessSeconds, speech } = site
  const peerConfig = (peer: Ip): PeerConfig => {
    const other = sites.get(peer)!
    return {
      ...PEER_DEFAULTS,
      address: peer,
      as: other.as,
      families,
      holdTimeSeconds: 30,
      reflectorClient: isReflector && !other.isReflector && other.as === as,
      external: other.as !== as && site.hasPolicy ? 'accept' : 'reject',
    }
  }
  return new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as,
      identifier: address,
      localAddress: address,
      routeTargetConstraint: families.includes(ROUTE_TARGET),
      peers: peers.map(peerConfig),
      clusterId: isReflector ? address : null,
      headlessSeconds: isReflector ? 0 : headlessSeconds,
      vanishedSeconds: site.vanishedSeconds,
      restart,
    },
    {
      clock: process.clock,
      random: random.next,
      transport: speaking(speech, process.network),
      events,
    },
    onComplete,
  )
}

/** A route reflector that can be killed and started again. */
export class Reflector {
  readonly address: Ip
  private readonly around: Surroundings
  private readonly site: Site
  private readonly sites: ReadonlyMap<Ip, Site>
  private process: Process | null = null
  private isDead = false
  speaker: Speaker | null = null

  constructor(around: Surroundings, site: Site, sites: ReadonlyMap<Ip, Site>) {
    this.around = around
    this.address = site.address
    this.site = site
    this.sites = sites
  }

  start(): void {
    if (this.speaker !== null || this.isDead) return
    this.process = new Process(this.around)
    const restart = restartOf(this.site, false)
    this.speaker = speakerOn(this.around, this.process, this.site, this.sites, restart, () => {})
    void this.speaker.start()
  }

  /** Ends it, for good if it `isLost`. */
  kill(isLost: boolean): void {
    this.isDead ||= isLost
    this.process?.kill()
    this.speaker = null
  }
}

/** A compute node: the daemon that comes and goes, the kernel and the disk that stay, and the agent. */
export class Node {
  readonly address: Ip
  /** Where its tunnels end, and what its routes have for a next hop. */
  tunnelAddress: Ip
  readonly site: Site
  readonly driver: MemoryDriver
  readonly agent: Agent
  daemon: { readonly speaker: Speaker; readonly vpns: VpnService; readonly reconciler: Reconciler } | null =
    null
  private readonly around: Surroundings
  private readonly sites: ReadonlyMap<Ip, Site>
  private process: Process | null = null
  private readonly disk = new Disk()
  private hasBackup = false
  /** Between the daemon and the kernel; null where the kernel answers at once. */
  late: LateDriver | null = null

  constructor(around: Surroundings, site: Site, sites: ReadonlyMap<Ip, Site>) {
    this.around = around
    this.address = site.address
    this.tunnelAddress = site.address
    this.site = site
    this.sites = sites
    const { clock, seed, has } = around
    const haste = has.has('hasty') ? Random.for(seed, `haste ${formatIp(site.address)}`) : null
    this.agent = new Agent(clock, haste)
    this.driver = new MemoryDriver(around.clock)
    this.driver.kernel.addLink(CORE, { up: true })
    watchDeletions(this.driver, this.agent, (fault) => {
      if (!this.hasBackup) this.agent.wrongAnswers.push(fault)
    })
  }

  /** Starts the daemon; the agent notices after a while, and sends everything again. */
  start(): void {
    if (this.daemon !== null) return
    const { clock, random, events } = this.around
    const process = new Process(this.around)
    const state = this.disk.text === null ? null : decodeState(this.disk.text)
    const reconciler = new Reconciler({ clock: process.clock, driver: this.driverOf(), events })
    const restart = restartOf(this.site, state !== null, state !== null && readvertises(state))
    const speaker = speakerOn(this.around, process, this.site, this.sites, restart, () =>
      reconciler.complete(),
    )
    const config = vpnConfig(this.address, {
      vtep: this.tunnelAddress,
      ipvpn: {
        address: this.tunnelAddress,
        transport: { interface: CORE },
        underlay: null,
        fromAnyone: false,
      },
    })
    const take = (): Kept => {
      const state = { kernel: 'sim', ...vpns.snapshot() }
      const daemon = { kind: 'daemon', id: '', value: { kernel: 'sim' } } as const
      return { changes: [daemon, ...vpns.changes()], state }
    }
    const keep = this.site.keepsState ? this.disk.keeper(process.clock, random, take) : undefined
    const vpns: VpnService = new VpnService(config, speaker, Dataplanes.shared(reconciler), events, keep)
    this.process = process
    this.daemon = { speaker, vpns, reconciler }
    const noticedMs = random.between(0, 5000)
    const serve = () => {
      if (this.process !== process) return
      this.agent.start(vpns, state === null)
      reconciler.start()
      void speaker.start()
      clock.after(noticedMs, () => {
        if (this.process === process) this.agent.refresh()
      })
    }
    if (state === null) serve()
    else void vpns.restore(state).then(serve)
  }

  /** Whether each daemon knows what earlier ones did. */
  get remembers(): boolean {
    return this.site.keepsState && !this.hasBackup
  }

  /** What a daemon asks. */
  private driverOf(): Driver {
    const { clock, has, seed } = this.around
    if (!has.has('late-kernel')) return this.driver
    this.late?.close()
    const { next: random } = Random.for(seed, `late ${formatIp(this.address)} ${clock.now()}`)
    this.late = new LateDriver(this.driver, { clock, random })
    return this.late.driver
  }

  /** A node that keeps its state gets an older one. */
  restoreBackup(age: number): void {
    if (!this.site.keepsState) return
    this.disk.restore(age)
    this.hasBackup = true
  }

  /** Ends the daemon at once, or as SIGTERM does; the kernel stays as it is. */
  kill(gracefully: boolean): void {
    const { process, daemon } = this
    if (process === null || daemon === null) return
    daemon.reconciler.stop()
    this.process = null
    this.daemon = null
    this.agent.stop()
    if (gracefully) {
      daemon.speaker.stop('restart')
      this.around.clock.after(100, () => process.kill())
    } else process.kill()
  }

  /** Has the agent attach something; what has a port of its own finds it here. */
  attach(request: AttachRequest): void {
    const { port } = request
    if (typeof port === 'string' && !this.driver.kernel.links.has(port))
      this.driver.kernel.addLink(port, { up: true })
    this.agent.attach(request)
  }
}

function restartOf({ restartSeconds }: Site, isRestart: boolean, followsOthers = false): RestartConfig {
  return {
    timeSeconds: restartSeconds,
    families: restartSeconds > 0 ? [EVPN, VPNV4] : [],
    isRestart,
    holdsEndOfRib: false,
    followsOthers,
  }
}

/** Networks of a type that are attached on a node, with what is of each. */
export function networksOf({ agent }: Node, type: AttachRequest['type']): Map<string, AttachRequest[]> {
  const networks = new Map<string, AttachRequest[]>()
  for (const request of agent.attached()) {
    if (request.type !== type) continue
    networks.set(request.instanceId, [...(networks.get(request.instanceId) ?? []), request])
  }
  return networks
}

/** Whether routes of two nodes reach each other: not where one has no policy for its peers in another AS (RFC 8212). */
export function exchange(a: Node, b: Node): boolean {
  return a === b || (a.site.hasPolicy && b.site.hasPolicy)
}

/** The path that a node's routes to a provider edge take: its address, and the labels below that of the VPN. */
export function pathTo(
  { driver }: Node,
  address: Ip,
): { readonly via: Ip; readonly labels: readonly number[] } {
  const nextHop = driver.kernel.nextHops.get(address)
  if (nextHop === undefined || nextHop.device !== CORE) return { via: address, labels: [] }
  return { via: nextHop.via ?? address, labels: nextHop.labels }
}
