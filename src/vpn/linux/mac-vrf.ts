import type { Bridge, Dataplane, Entry, LocalMac, Port, Vxlan } from '../../dataplane/model.ts'
import type { Gateway } from '../../evpn/forwarding.ts'
import type { VxlanTunnel } from '../../evpn/select.ts'
import type { Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type { EvpnForwarding } from '../backend.ts'
import type { VpnConfig } from '../config.ts'
import type { EvpnState } from '../state.ts'

/** The devices of one VPN instance on this node, owned or external. */
export type MacVrfDevices = EvpnState['devices']

/** The common options of all VXLAN devices. */
export type VxlanOptions = Pick<VpnConfig, 'vtep' | 'vxlanPort' | 'vxlanMtu' | 'underlay' | 'neighSuppress'>

export interface LinuxMacVrfConfig {
  /** The distinguishing part of its devices' names. */
  readonly suffix: string
  readonly devices: MacVrfDevices
  readonly mayBeStale: boolean
  /** Mark of its devices. */
  readonly alias: string
  readonly vni: number
  readonly vxlan: VxlanOptions
  readonly free: () => void
}

/** A MAC-VRF as a bridge with a VXLAN device. */
export class LinuxMacVrf implements EvpnForwarding {
  private readonly devices: MacVrfDevices
  private readonly config: LinuxMacVrfConfig
  private readonly dataplane: Dataplane

  constructor(config: LinuxMacVrfConfig, dataplane: Dataplane) {
    this.devices = config.devices
    this.config = config
    this.dataplane = dataplane
  }

  get state() {
    const { suffix, devices } = this.config
    return { suffix, devices }
  }

  get bridge(): string {
    return this.devices.bridge
  }

  get mayBeStale(): boolean {
    return this.config.mayBeStale
  }

  get deviceNames(): readonly string[] {
    const { bridge, vxlan } = this.devices
    return [bridge, vxlan]
  }

  get shown() {
    const { bridge, vxlan } = this.devices
    return { linux_bridge: bridge, vxlan_if: vxlan }
  }

  free(): void {
    this.config.free()
  }

  /** Links and VXLAN port of the instance as a whole, wanted from the first endpoint to the last. */
  instanceEntries(): (Bridge | Vxlan | Port)[] {
    const { alias, vni } = this.config
    const { vtep: local, vxlanPort: port, vxlanMtu: mtu, underlay, neighSuppress } = this.config.vxlan
    const { bridge, externalBridge, vxlan, externalVxlan } = this.devices
    const master: Bridge = { kind: 'bridge', device: bridge, external: externalBridge, alias }
    const link: Vxlan = { kind: 'vxlan', device: vxlan, alias, vni, local, port, mtu, underlay }
    const slave: Port = {
      kind: 'port',
      device: vxlan,
      bridge,
      external: false,
      learning: false,
      neighSuppress,
    }
    return externalVxlan ? [master] : [master, link, slave]
  }

  /** The entries of a local endpoint: its port in the bridge, and its MAC address bound to the port. */
  endpointEntries({ port, mac }: { readonly port: string; readonly mac: Mac }): (Port | LocalMac)[] {
    return this.portEntries(port, mac, this.devices.externalBridge)
  }

  /** The entries of a gateway, whose port is an owned one. */
  gatewayEntries({ port, mac }: Pick<Gateway, 'port' | 'mac'>): (Port | LocalMac)[] {
    return this.portEntries(port, mac, false)
  }

  addGateway(gateway: Pick<Gateway, 'port' | 'mac'>): void {
    for (const entry of this.gatewayEntries(gateway)) this.dataplane.want(entry)
  }

  removeGateway(gateway: Pick<Gateway, 'port' | 'mac'>): void {
    for (const entry of this.gatewayEntries(gateway)) this.dataplane.unwant(entry)
  }

  setRemoteMac(mac: Mac, dst: Ip, vni: number): void {
    this.dataplane.want({ kind: 'remote-mac', device: this.devices.vxlan, mac, dst, vni })
  }

  removeRemoteMac(mac: Mac): void {
    this.dataplane.unwant(this.remoteMac(mac))
  }

  /** The bridge has the address of a gateway itself as well, and does not ask other nodes for it. */
  setNeighbour(ip: Ip, mac: Mac, router: boolean): void {
    this.dataplane.want({ kind: 'neighbour', device: this.devices.bridge, ip, mac, router })
  }

  removeNeighbour(ip: Ip): void {
    this.dataplane.unwant(this.neighbour(ip))
  }

  addFlood(tunnel: VxlanTunnel): void {
    this.dataplane.want(this.flood(tunnel))
  }

  removeFlood(tunnel: VxlanTunnel): void {
    this.dataplane.unwant(this.flood(tunnel))
  }

  /** The entries that addresses may have caused, as identities to look up; `local` are endpoints that have them. */
  *addressEntries(
    macs: Iterable<Mac>,
    ips: Iterable<Ip>,
    local: Iterable<{ readonly port: string; readonly mac: Mac }>,
  ): Iterable<Entry> {
    // a MAC address is at one port, however many IP addresses it has
    const ports = new Map([...local].map(({ port, mac }) => [mac, port]))
    for (const [mac, device] of ports) yield { kind: 'local-mac', device, mac }
    for (const mac of macs) yield this.remoteMac(mac)
    for (const ip of ips) yield this.neighbour(ip)
  }

  /** As `addressEntries`, of the flood list. */
  *floodEntries(tunnels: Iterable<VxlanTunnel>): Iterable<Entry> {
    for (const tunnel of tunnels) yield this.flood(tunnel)
  }

  private portEntries(device: string, mac: Mac, external: boolean): (Port | LocalMac)[] {
    const { bridge } = this.devices
    return [
      { kind: 'port', device, bridge, external, learning: false, neighSuppress: false },
      { kind: 'local-mac', device, mac },
    ]
  }

  private remoteMac(mac: Mac): Entry {
    const { vni, vxlan } = this.config
    return { kind: 'remote-mac', device: this.devices.vxlan, mac, dst: vxlan.vtep, vni }
  }

  private neighbour(ip: Ip): Entry {
    return { kind: 'neighbour', device: this.devices.bridge, ip, mac: 0, router: false }
  }

  private flood({ dst, vni }: VxlanTunnel): Entry {
    return { kind: 'flood', device: this.devices.vxlan, dst, vni }
  }
}
