import type { ServicesSummary } from '../api/status.ts'
import { formatIp } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import type { VpnService } from '../vpn/service.ts'

/** As many are listed. */
const MAX_UNCONFIRMED = 100

/** Restored attachments that no agent has attached again. */
export function unconfirmed(vpns: VpnService): ServicesSummary['unconfirmed'] {
  const attachments: ServicesSummary['unconfirmed']['attachments'][number][] = []
  let count = 0
  for (const instance of vpns.instances.values())
    for (const { mac, ip, port, irb } of vpns.unconfirmed.of(instance)) {
      if (++count > MAX_UNCONFIRMED) continue
      attachments.push({
        vpn_instance_id: instance.routing.config.id,
        vpn_type: instance.type,
        mac_address: formatMac(mac),
        ip_address: ip === null ? null : formatIp(ip),
        local_port: irb === null ? port : `evpn:${irb.evpn}`,
      })
    }
  return { count, attachments }
}
