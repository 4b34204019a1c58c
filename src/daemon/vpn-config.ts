import { networkInterfaces } from 'node:os'
import type { Config } from '../config/config.ts'
import { hasMpls } from '../dataplane/linux/sysctl.ts'
import { noMpls } from '../dataplane/refusal.ts'
import type { EventSink } from '../events/event.ts'
import { netAdminRefusal, settingsRefusal } from '../linux/privileges.ts'
import { formatIp, type Ip, parseIp } from '../values/address.ts'
import type { VpnConfig } from '../vpn/config.ts'
import type { VpnType } from '../vpn/request.ts'

/** The VPN service's configuration, with this node's interfaces. Warns where no interface has the VTEP address. */
export function vpnConfigOf(config: Config, events: EventSink): VpnConfig {
  const { bgp, evpn, ipvpn } = config
  return {
    bgpAddress: bgp.localAddress,
    identifier: bgp.identifier,
    vtep: evpn.localAddress,
    vxlanPort: evpn.vxlanPort,
    mobility: { ...evpn.mobility },
    vtepNetworks: bgp.vtepNetworks,
    vxlanMtu: evpn.vxlanMtu,
    neighSuppress: evpn.neighSuppress,
    requireIsolation: evpn.requireIsolation,
    underlay: vxlanUnderlay(config, events),
    ipvpn: {
      address: ipvpn.localAddress,
      transport: ipvpn.transport,
      fromAnyone: ipvpn.fromAnyone,
      underlay: interfaceWith(ipvpn.localAddress) ?? null,
    },
    ranges: ipvpn.ranges,
    drivers: { evpn: evpn.driver, ipvpn: ipvpn.driver },
    lacks: (type) => lacking(config, type),
  }
}

/** What the kernel or the process lacks for a type at this moment; null when nothing. */
function lacking(config: Config, type: VpnType): string | null {
  if (config[type].driver !== 'linux') return null
  const missing = netAdminRefusal()
  if (missing !== null || type === 'evpn') return missing
  return hasMpls() ? settingsRefusal() : noMpls.text
}

function vxlanUnderlay({ evpn }: Config, events: EventSink): string | null {
  const underlay = interfaceWith(evpn.localAddress)
  if (underlay === undefined && evpn.driver === 'linux')
    events.emit({ type: 'vtep-unassigned', address: formatIp(evpn.localAddress) })
  return underlay ?? null
}

/** The interface with our address; null on the loopback, whose MTU says nothing about the network, and undefined where there is none. */
function interfaceWith(ip: Ip): string | null | undefined {
  for (const [label, addresses] of Object.entries(networkInterfaces())) {
    const own = addresses?.find(({ address }) => parseIp(address) === ip)
    if (own !== undefined) return own.internal ? null : (label.split(':')[0] ?? null)
  }
  return undefined
}
