import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { PEER_DEFAULTS, type PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { type RestartConfig, SPEAKER_DEFAULTS, Speaker, type SpeakerConfig } from '../../src/bgp/speaker.ts'
import { MemoryDriver } from '../../src/dataplane/memory.ts'
import { Reconciler } from '../../src/dataplane/reconciler.ts'
import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { decodeState, encodeState, readvertises } from '../../src/vpn/state.ts'
import { RANGES } from '../support/ranges.ts'
import { silent } from '../support/speakers.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'
import type { VirtualNetwork } from '../support/virtual-network.ts'
import { Process } from './process.ts'
import type { Random } from './random.ts'

export const AS = 64512
/** The interface that carries MPLS. */
export const CORE = 'core'

/** What machines share. */
export interface Surroundings {
  readonly clock: VirtualClock
  readonly network: VirtualNetwork
  readonly random: Random
}

/** What is told of a machine's peers. */
export interface Wiring {
  readonly peers: readonly Ip[]
  readonly passive: boolean
  readonly families: readonly Family[]
  readonly restartSeconds: number
  readonly headlessSeconds: number
}

function speakerOn(
  { random }: Surroundings,
  process: Process,
  address: Ip,
  wiring: Wiring,
  changes: Partial<SpeakerConfig>,
  onComplete: () => void,
): Speaker {
  const { peers, passive, families, headlessSeconds } = wiring
  const peerConfig = (peer: Ip): PeerConfig => ({
    ...PEER_DEFAULTS,
    address: peer,
    as: AS,
    passive,
    families,
    holdTimeSeconds: 30,
    reflectorClient: changes.clusterId !== undefined && !formatIp(peer).startsWith('10.0.1.'),
  })
  return new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: address,
      localAddress: address,
      routeTargetConstraint: families.includes(ROUTE_TARGET),
      peers: peers.map(peerConfig),
      headlessSeconds: changes.clusterId === undefined ? headlessSeconds : 0,
      restart: restartOf(wiring, false),
      ...changes,
    },
    { clock: process.clock, random: random.next, transport: process.network, log: silent },
    onComplete,
  )
}

/** A route reflector that can be killed and started again. */
export class Reflector {
  readonly address: Ip
  private readonly around: Surroundings
  private readonly wiring: Wiring
  private process: Process | null = null
  speaker: Speaker | null = null

  constructor(around: Surroundings, address: Ip, wiring: Wiring) {
    this.around = around
    this.address = address
    this.wiring = wiring
  }

  start(): void {
    if (this.speaker !== null) return
    this.process = new Process(this.around)
    const changes = { clusterId: this.address }
    this.speaker = speakerOn(this.around, this.process, this.address, this.wiring, changes, () => {})
    void this.speaker.start()
  }

  kill(): void {
    this.process?.kill()
    this.speaker = null
  }
}

/** A compute node: the daemon that comes and goes, the kernel and the disk that stay, and the agent that knows what should be attached. */
export class Node {
  readonly address: Ip
  readonly driver: MemoryDriver
  /** What the agent wants attached, by MAC and IP. */
  readonly wanted = new Map<string, AttachRequest>()
  daemon: { readonly speaker: Speaker; readonly vpns: VpnService; readonly reconciler: Reconciler } | null =
    null
  /** Whether the daemon keeps a state file. */
  readonly keepsState: boolean
  private readonly around: Surroundings
  private readonly wiring: Wiring
  private process: Process | null = null
  private disk: string | null = null
  /** What the agent was told by the last `ping`. */
  private ping = ''
  /** What the agent asked for last of each endpoint, and which of it was not answered yet. */
  private readonly asked = new Map<string, AttachRequest>()
  private readonly unanswered = new Set<string>()
  /** The agent does one thing at a time. */
  private errands: Promise<void> = Promise.resolve()
  /** Settled when the daemon dies: it will never answer what it was asked. */
  private death: Promise<void> = Promise.resolve()
  private die = (): void => {}

  constructor(around: Surroundings, address: Ip, wiring: Wiring, keepsState: boolean) {
    this.around = around
    this.address = address
    this.wiring = wiring
    this.keepsState = keepsState
    this.driver = new MemoryDriver(around.clock)
    this.driver.kernel.addLink(CORE, { up: true })
  }

  /** Starts the daemon; the agent notices after a while, and says everything again if the daemon has forgotten it. */
  start(): void {
    if (this.daemon !== null) return
    const { clock, random } = this.around
    const process = new Process(this.around)
    const state = this.disk === null ? null : decodeState(this.disk)
    const ping = state?.ping ?? `${random.between(0, 1e9)}`
    const reconciler = new Reconciler({ clock: process.clock, driver: this.driver, log: silent })
    const restart = restartOf(this.wiring, state !== null, state !== null && readvertises(state))
    const speaker = speakerOn(this.around, process, this.address, this.wiring, { restart }, () =>
      reconciler.complete(),
    )
    const identity = {
      bgpAddress: this.address,
      identifier: this.address,
      vtep: this.address,
      vxlanPort: 4789,
      mobility: MOBILITY_DEFAULTS,
      vxlanMtu: null,
      underlay: null,
      neighSuppress: true,
      ipvpn: { address: this.address, carrier: { interface: CORE }, underlay: null, fromAnyone: false },
      ranges: RANGES,
      lacks: () => null,
      refused: {},
    }
    const keep = (): Promise<void> => {
      if (!this.keepsState) return Promise.resolve()
      const text = encodeState({ kernel: 'sim', ping, ...vpns.snapshot() })
      return new Promise((resolve) =>
        process.clock.after(random.between(0, 5), () => {
          this.disk = text
          resolve()
        }),
      )
    }
    const vpns: VpnService = new VpnService(identity, speaker, reconciler, silent, keep)
    if (state !== null) vpns.restore(state)
    this.process = process
    this.death = new Promise((resolve) => {
      this.die = resolve
    })
    this.daemon = { speaker, vpns, reconciler }
    reconciler.start()
    void speaker.start()
    clock.after(random.between(0, 5000), () => {
      if (this.process !== process) return
      const forgotten = ping !== this.ping
      this.ping = ping
      for (const key of forgotten ? this.asked.keys() : this.unanswered) this.runErrand(key)
    })
  }

  /** Ends the daemon at once, or as SIGTERM does; the kernel stays as it is. */
  kill(gracefully: boolean): void {
    const { process, daemon } = this
    if (process === null || daemon === null) return
    daemon.reconciler.stop()
    this.process = null
    this.daemon = null
    this.die()
    if (gracefully) {
      daemon.speaker.stop('restart')
      this.around.clock.after(100, () => process.kill())
    } else process.kill()
  }

  attach(request: AttachRequest): void {
    const port = String(request.port)
    if (this.driver.kernel.links.get(port) === undefined) this.driver.kernel.addLink(port, { up: true })
    const key = keyOf(request)
    this.wanted.set(key, request)
    this.asked.set(key, request)
    this.runErrand(key)
  }

  detach(key: string): void {
    if (this.wanted.delete(key)) this.runErrand(key)
  }

  /** Attaches or detaches, and again a little later when that failed, as long as it is wanted. */
  private runErrand(key: string): void {
    this.unanswered.add(key)
    this.enqueue(async () => {
      const { daemon } = this
      const asked = this.asked.get(key)
      if (daemon === null || asked === undefined) return
      const request = this.wanted.get(key)
      if (request === undefined) {
        const { instanceId, type, mac, ip } = asked
        await daemon.vpns.detach({ instanceId, type, mac, ip: ip?.ip ?? null }).catch(() => {})
        if (this.daemon === daemon) this.unanswered.delete(key)
        return
      }
      try {
        await daemon.vpns.attach(request)
        if (this.daemon === daemon) this.unanswered.delete(key)
      } catch {
        this.around.clock.after(2000, () => this.runErrand(key))
      }
    })
  }

  private enqueue(errand: () => Promise<void>): void {
    this.errands = this.errands.then(() => Promise.race([errand(), this.death]))
  }
}

function restartOf({ restartSeconds }: Wiring, isRestart: boolean, followsOthers = false): RestartConfig {
  return {
    timeSeconds: restartSeconds,
    families: restartSeconds > 0 ? [EVPN, VPNV4] : [],
    isRestart,
    holdsEndOfRib: false,
    followsOthers,
  }
}

/** Networks of a type that the agent wants on a node, with what it wants of each. */
export function networksOf(node: Node, type: AttachRequest['type']): Map<string, AttachRequest[]> {
  const networks = new Map<string, AttachRequest[]>()
  for (const request of node.wanted.values()) {
    if (request.type !== type) continue
    networks.set(request.instanceId, [...(networks.get(request.instanceId) ?? []), request])
  }
  return networks
}

export function keyOf({ instanceId, mac, ip }: AttachRequest): string {
  return `${instanceId} ${formatMac(mac)} ${ip === null ? '-' : formatIp(ip.ip)}`
}
