import type { ServicesSummary } from '../api/status.ts'
import type { VpnService } from '../vpn/service.ts'

/** As many are listed. */
const MAX_LISTED = 100

type Vpns = Pick<VpnService, 'instances'>
type ReceivingPort = ServicesSummary['receive_only']['ports'][number]

/** Ports of an IP VPN that only receive from it, since another IP VPN has what they send: Linux has a port in one VRF. */
export function receiveOnly(vpns: Vpns): ServicesSummary['receive_only'] {
  const ports = receivingPorts(vpns)
  return { count: ports.length, ports: ports.slice(0, MAX_LISTED) }
}

/** Ports whose packets no IP VPN has any more. */
export function* silencedPorts(vpns: Vpns): Iterable<string> {
  const ports = receivingPorts(vpns).filter(({ sends_into }) => sends_into === null)
  const [first] = ports
  if (first === undefined) return
  const others = ports.length > 1 ? ` and ${ports.length - 1} more` : ''
  yield `${first.local_port} in ${first.vpn_instance_id}${others}: what it sends is dropped, since the IP VPN that had it is detached: attach all its addresses again`
}

function receivingPorts({ instances }: Vpns): ReceivingPort[] {
  const vrfs = [...instances.values()].filter(({ type }) => type === 'ipvpn')
  const holders = new Map<string, string>()
  for (const { attachments, routing } of vrfs)
    for (const { port, direction } of attachments)
      if (direction !== 'to-port') holders.set(port, routing.config.id)

  const found = new Map<string, ReceivingPort>()
  for (const { attachments, routing } of vrfs)
    for (const { port, direction, confined } of attachments) {
      const holder = holders.get(port) ?? null
      const { id } = routing.config
      if (direction !== 'to-port' || holder === id || (holder === null && !confined)) continue
      found.set(`${port} ${id}`, { local_port: port, vpn_instance_id: id, sends_into: holder })
    }
  return [...found.values()]
}
