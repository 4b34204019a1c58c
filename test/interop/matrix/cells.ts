import type { CellName, Trial } from './cell.ts'
import { familyIn, familyOut } from './family-cells.ts'
import { peerRestarts, weRestart } from './restart-cells.ts'
import {
  externalSession,
  fourOctetAs,
  ipv6Transport,
  peerFilters,
  refreshByPeer,
  refreshByUs,
  signatures,
  weFilter,
} from './session-cells.ts'

/** How each line of the table is decided. */
export const TRIALS: Readonly<Record<CellName, Trial>> = {
  'EVPN out': familyOut('EVPN'),
  'EVPN in': familyIn('EVPN'),
  'VPNv4 out': familyOut('VPNv4'),
  'VPNv4 in': familyIn('VPNv4'),
  'VPNv6 out': familyOut('VPNv6'),
  'VPNv6 in': familyIn('VPNv6'),
  'RTC out': familyOut('RTC'),
  'RTC in': familyIn('RTC'),
  'FlowSpec-VPNv4 out': familyOut('FlowSpec-VPNv4'),
  'FlowSpec-VPNv4 in': familyIn('FlowSpec-VPNv4'),
  'FlowSpec-VPNv6 out': familyOut('FlowSpec-VPNv6'),
  'FlowSpec-VPNv6 in': familyIn('FlowSpec-VPNv6'),
  'RTC: peer filters': peerFilters,
  'RTC: we filter': weFilter,
  'refresh: we ask': refreshByUs,
  'refresh: peer asks': refreshByPeer,
  '4-octet AS': fourOctetAs,
  eBGP: externalSession,
  MD5: signatures,
  'IPv6 transport': ipv6Transport,
  'GR: we restart': weRestart,
  'GR: peer restarts': peerRestarts,
}
