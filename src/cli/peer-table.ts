import type { PeerSummary } from '../api/peers.ts'
import { formatColumns } from './table.ts'

export function peerTable(peers: readonly PeerSummary[]): string {
  const rows = peers.map(({ id, as, state, since, routes, reason }) => [
    id,
    String(as),
    state,
    since,
    String(routes),
    reason ?? '',
  ])
  return formatColumns([['PEER', 'AS', 'STATE', 'SINCE', 'ROUTES', 'WHY'], ...rows])
}
