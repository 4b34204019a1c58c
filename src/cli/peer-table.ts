import { formatColumns } from './table.ts'

/** A peer as the daemon lists it. */
export interface ListedPeer {
  readonly id: string
  readonly state: string
  readonly as: number
  readonly since: string
  readonly routes: number
  readonly reason: string | null
}

export function peerTable(peers: readonly ListedPeer[]): string {
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
