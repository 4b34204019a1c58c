import type { ServicesSummary } from '../api/status.ts'
import type { VpnService } from '../vpn/service.ts'

/** As many are listed. */
const MAX_LISTED = 100

/** Ports of an IP VPN that only receive from it, since another IP VPN has what they send: Linux has a port in one VRF. */
export function receiveOnly({ instances }: Pick<VpnService, 'instances'>): ServicesSummary['receive_only'] {
  const vrfs = [...instances.values()].filter(({ type }) => type === 'ipvpn')
  const holders = new Map<string, string>()
  for (const { attachments, routing } of vrfs)
    for (const { port, direction } of attachments)
      if (direction !== 'to-port') holders.set(port, routing.config.id)

  const found = new Map<string, ServicesSummary['receive_only']['ports'][number]>()
  for (const { attachments, routing } of vrfs)
    for (const { port, direction } of attachments) {
      const holder = holders.get(port)
      const { id } = routing.config
      if (direction !== 'to-port' || holder === undefined || holder === id) continue
      found.set(`${port} ${id}`, { local_port: port, vpn_instance_id: id, sends_into: holder })
    }
  return { count: found.size, ports: [...found.values()].slice(0, MAX_LISTED) }
}
