import type { FastifyInstance } from 'fastify'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { type DataplaneView, dataplaneView } from '../../src/dataplane/view.ts'
import type { EventSink } from '../../src/events/event.ts'
import type { ServiceViews, Views } from '../../src/rest/looking-glass/index.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { parseMac } from '../../src/values/mac.ts'
import type { Drivers, VpnConfig } from '../../src/vpn/config.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { isOwnedName } from '../../src/vpn/linux/names.ts'
import type { AttachRequest, DetachRequest } from '../../src/vpn/request.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from './events.ts'
import { RANGES } from './ranges.ts'
import { ip, rt, speakerAt } from './speakers.ts'
import { dummyDrivers, NO_FAULTS, testServer } from './test-server.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualNetwork } from './virtual-network.ts'
import { vpnConfig } from './vpn-config.ts'

/** A whole compute node on virtual time, its kernel in memory. */
export class TestNode {
  readonly driver: MemoryDriver
  readonly reconciler: Reconciler
  /** For the type whose driver is a dummy beside Linux, if one is. */
  readonly dummy: Reconciler
  readonly speaker: Speaker
  readonly vpns: VpnService
  readonly vpnConfig: VpnConfig
  private readonly clock: VirtualClock

  constructor(
    address: string,
    peers: readonly PeerConfig[],
    clock: VirtualClock,
    network: VirtualNetwork,
    changes: Partial<SpeakerConfig> = {},
    vpnChanges: Partial<VpnConfig> = {},
    events: EventSink = noEvents,
    keep: () => Promise<void> = async () => {},
  ) {
    this.clock = clock
    this.driver = new MemoryDriver(clock)
    this.reconciler = new Reconciler({ clock, driver: this.driver, events })
    const pretending = new MemoryDriver(clock, { pretend: (name) => !isOwnedName(name, RANGES.vrfPrefix) })
    this.dummy = new Reconciler({ clock, driver: pretending, events })
    const drivers: Drivers = { evpn: 'linux', ipvpn: 'linux', ...vpnChanges.drivers }
    const [host, dummy] = [this.reconciler, this.dummy]
    const byType = {
      evpn: drivers.evpn === 'linux' ? host : dummy,
      ipvpn: drivers.ipvpn === 'linux' ? host : dummy,
    }
    this.speaker = speakerAt(
      address,
      peers,
      clock,
      network,
      changes,
      () => this.reconciler.complete(),
      events,
    )
    this.vpnConfig = vpnConfig(ip(address), {
      ipvpn: { address: ip(address), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
      ...vpnChanges,
      drivers,
    })
    this.vpns = new VpnService(
      this.vpnConfig,
      this.speaker,
      new Dataplanes(byType, drivers.evpn === 'linux' ? 'evpn' : 'ipvpn'),
      events,
      keep,
    )
    this.reconciler.start()
    this.dummy.start()
  }

  /** Adds interfaces that a hypervisor would have made. */
  withPorts(...names: readonly string[]): this {
    for (const name of names) this.driver.kernel.addLink(name)
    return this
  }

  attach(changes: Partial<AttachRequest> = {}): Promise<void> {
    return this.finish(this.vpns.attach(attachRequest(changes)))
  }

  detach(changes: Partial<DetachRequest> = {}): Promise<void> {
    const { instanceId, type, mac } = attachRequest()
    return this.finish(this.vpns.detach({ instanceId, type, mac, ip: ip('192.168.10.1'), ...changes }))
  }

  /** Lets time go by until the promise is settled, and links that are to go have gone. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    for (let turns = 0, rest = 10; rest > 0 && turns < 1000; turns++) {
      if (settled) rest--
      this.clock.advance(1)
      await Promise.resolve()
    }
    return watched
  }

  /** What the API sees of the forwarding loop. */
  view(): DataplaneView {
    return dataplaneView(this.reconciler, NO_FAULTS)
  }

  /** The API of the node. */
  api(
    { dataplane = this.view(), stateFile = null, drivers = dummyDrivers }: Partial<ServiceViews> = {},
    counters = new EventCounters(),
    events: EventSink = noEvents,
    views: Partial<Views> = {},
  ): FastifyInstance {
    const { clock, speaker, vpns } = this
    return testServer({
      speaker,
      clock,
      vpns,
      options: () => [],
      reload: async ({ dryRun }) => ({
        report: { dry_run: dryRun, peers: [], options: [], warnings: [] },
      }),
      events,
      counters,
      views: { services: { vpns, dataplane, stateFile, drivers }, ...views },
    })
  }

  /** What the node wants and the actual state of it, in words. */
  wanted(): Entry[] {
    return [...this.reconciler.statuses.entries()].map(({ entry }) => entry)
  }

  /** Every wanted entry is in the kernel. */
  get isInStep(): boolean {
    return this.wanted().every((entry) => this.driver.holds(entry))
  }
}

export const mac = (text: string): number => parseMac(text)!

/** For an IP VPN in place of net1. */
export const IN_VRF = {
  type: 'ipvpn',
  vni: null,
  ip: parseInterfaceAddress('192.168.20.1/24')!,
  gatewayIp: ip('192.168.20.254'),
} as const satisfies Partial<AttachRequest>

export function attachRequest(changes: Partial<AttachRequest> = {}): AttachRequest {
  return {
    instanceId: 'net1',
    type: 'evpn',
    importTargets: [rt('64512:10')],
    exportTargets: [rt('64512:10')],
    mac: mac('02:00:00:00:01:01'),
    ip: parseInterfaceAddress('192.168.10.1/24')!,
    gatewayIp: ip('192.168.10.254'),
    port: 'tap1',
    isOvsPort: false,
    linuxBridge: null,
    vni: 100,
    localPref: null,
    direction: 'both',
    sticky: false,
    hashOrder: 0,
    advertiseSubnet: false,
    readvertise: null,
    fallback: null,
    description: undefined,
    instanceDescription: undefined,
    ...changes,
  }
}
