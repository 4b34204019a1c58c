import { EVPN, type Family, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { PEER_DEFAULTS, type PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { SPEAKER_DEFAULTS, Speaker, type SpeakerConfig } from '../../src/bgp/speaker.ts'
import { MemoryDriver } from '../../src/dataplane/memory.ts'
import { Reconciler } from '../../src/dataplane/reconciler.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { silent } from '../support/speakers.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'
import type { VirtualNetwork } from '../support/virtual-network.ts'
import { Process } from './process.ts'
import type { Random } from './random.ts'

export const AS = 64512

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
}

function speakerOn(
  { random }: Surroundings,
  process: Process,
  address: Ip,
  { peers, passive, families, restartSeconds }: Wiring,
  changes: Partial<SpeakerConfig>,
  onComplete: () => void,
): Speaker {
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
      restart: {
        ...SPEAKER_DEFAULTS.restart,
        timeSeconds: restartSeconds,
        families: restartSeconds > 0 ? [EVPN] : [],
      },
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

/** A compute node: the daemon that comes and goes, the kernel that stays, and the agent that knows what should be attached. */
export class Node {
  readonly address: Ip
  readonly driver: MemoryDriver
  /** What the agent wants attached, by MAC and IP. */
  readonly wanted = new Map<string, AttachRequest>()
  daemon: { readonly speaker: Speaker; readonly vpns: VpnService; readonly reconciler: Reconciler } | null =
    null
  private readonly around: Surroundings
  private readonly wiring: Wiring
  private process: Process | null = null
  /** The agent does one thing at a time. */
  private errands: Promise<void> = Promise.resolve()
  /** Settled when the daemon dies: it will never answer what it was asked. */
  private death: Promise<void> = Promise.resolve()
  private die = (): void => {}

  constructor(around: Surroundings, address: Ip, wiring: Wiring) {
    this.around = around
    this.address = address
    this.wiring = wiring
    this.driver = new MemoryDriver(around.clock)
  }

  /** Starts the daemon; the agent notices after a while and attaches everything again. */
  start(): void {
    if (this.daemon !== null) return
    const { clock, random } = this.around
    const process = new Process(this.around)
    const reconciler = new Reconciler({ clock: process.clock, driver: this.driver, log: silent })
    const speaker = speakerOn(this.around, process, this.address, this.wiring, {}, () =>
      reconciler.complete(),
    )
    const identity = {
      bgpAddress: this.address,
      identifier: this.address,
      vtep: this.address,
      vxlanPort: 4789,
    }
    const vpns = new VpnService(identity, speaker, reconciler, silent)
    this.process = process
    this.death = new Promise((resolve) => {
      this.die = resolve
    })
    this.daemon = { speaker, vpns, reconciler }
    reconciler.start()
    void speaker.start()
    clock.after(random.between(0, 5000), () => {
      if (this.process === process) for (const key of this.wanted.keys()) this.runErrand(key)
    })
  }

  /** Ends the daemon at once, or with a Cease; the kernel stays as it is. */
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
    if (this.driver.kernel.links.get(request.port) === undefined) this.driver.kernel.addLink(request.port)
    const key = keyOf(request)
    this.wanted.set(key, request)
    this.runErrand(key)
  }

  detach(key: string): void {
    const request = this.wanted.get(key)
    if (request === undefined) return
    this.wanted.delete(key)
    this.enqueue(async () => {
      const { instanceId, type, mac, ip } = request
      if (this.wanted.has(key)) return
      await this.daemon?.vpns.detach({ instanceId, type, mac, ip: ip?.ip ?? null }).catch(() => {})
    })
  }

  /** Attaches, and again a little later when that failed, as long as it is wanted. */
  private runErrand(key: string): void {
    this.enqueue(async () => {
      const { daemon } = this
      const request = this.wanted.get(key)
      if (daemon === null || request === undefined) return
      try {
        await daemon.vpns.attach(request)
      } catch {
        this.around.clock.after(2000, () => this.runErrand(key))
      }
    })
  }

  private enqueue(errand: () => Promise<void>): void {
    this.errands = this.errands.then(() => Promise.race([errand(), this.death]))
  }
}

export function keyOf({ instanceId, mac, ip }: AttachRequest): string {
  return `${instanceId} ${formatMac(mac)} ${ip === null ? '-' : formatIp(ip.ip)}`
}
