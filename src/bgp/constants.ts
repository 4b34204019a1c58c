/** Numbers of the IANA registries "BGP Parameters", "Capability Codes" and "BGP Extended Communities", with RFC names. */

export const HEADER_LENGTH = 19
export const MARKER_LENGTH = 16
/** RFC 4271 §4.1 and, once both sides advertised it, RFC 8654 §2. */
export const MAX_MESSAGE_LENGTH = 4096
export const MAX_EXTENDED_MESSAGE_LENGTH = 65535
export const BGP_VERSION = 4
export const BGP_PORT = 179
/** Replaces a 4-octet AS number where only two octets fit (RFC 6793 §9). */
export const AS_TRANS = 23456

/** LOCAL_PREF of owned routes, and of those that arrive without one. */
export const DEFAULT_LOCAL_PREF = 100

/**
 * The longest wait for a peer's End-of-RIB. One that has restarted may defer its routes for 360 s (Selection_Deferral_Timer, RFC 4724 §4.1, as FRR and
 * GoBGP have it by default), and sends them only then.
 */
export const END_OF_RIB_WAIT_SECONDS = 420

export const MessageType = { Open: 1, Update: 2, Notification: 3, Keepalive: 4, RouteRefresh: 5 } as const

export const Capability = {
  MultiProtocol: 1,
  RouteRefresh: 2,
  ExtendedNextHop: 5,
  ExtendedMessage: 6,
  Role: 9,
  GracefulRestart: 64,
  FourOctetAs: 65,
  AddPath: 69,
  EnhancedRouteRefresh: 70,
  LongLivedGracefulRestart: 71,
  Fqdn: 73,
  SoftwareVersion: 75,
  OldRouteRefresh: 128,
} as const

/** Attribute flags (RFC 4271 §4.3). */
export const AttributeFlag = {
  Optional: 0x80,
  Transitive: 0x40,
  Partial: 0x20,
  ExtendedLength: 0x10,
} as const

export const AttributeCode = {
  Origin: 1,
  AsPath: 2,
  NextHop: 3,
  MultiExitDisc: 4,
  LocalPref: 5,
  AtomicAggregate: 6,
  Aggregator: 7,
  Communities: 8,
  OriginatorId: 9,
  ClusterList: 10,
  MpReach: 14,
  MpUnreach: 15,
  ExtendedCommunities: 16,
  As4Path: 17,
  As4Aggregator: 18,
  PmsiTunnel: 22,
  TunnelEncapsulation: 23,
  Ipv6ExtendedCommunities: 25,
  LargeCommunities: 32,
  PrefixSid: 40,
} as const

export const Origin = { Igp: 0, Egp: 1, Incomplete: 2 } as const

/** NOTIFICATION error codes (RFC 4271 §4.5, RFC 7313 §5, RFC 9687 §5). */
export const ErrorCode = {
  MessageHeader: 1,
  OpenMessage: 2,
  UpdateMessage: 3,
  HoldTimerExpired: 4,
  FiniteStateMachine: 5,
  Cease: 6,
  RouteRefreshMessage: 7,
  SendHoldTimerExpired: 8,
} as const

export const HeaderSubcode = { ConnectionNotSynchronized: 1, BadMessageLength: 2, BadMessageType: 3 } as const

export const OpenSubcode = {
  Unspecific: 0,
  UnsupportedVersionNumber: 1,
  BadPeerAs: 2,
  BadBgpIdentifier: 3,
  UnsupportedOptionalParameter: 4,
  UnacceptableHoldTime: 6,
  UnsupportedCapability: 7,
  RoleMismatch: 11,
} as const

export const UpdateSubcode = {
  MalformedAttributeList: 1,
  UnrecognizedWellKnownAttribute: 2,
  MissingWellKnownAttribute: 3,
  AttributeFlags: 4,
  AttributeLength: 5,
  InvalidOrigin: 6,
  InvalidNextHop: 8,
  OptionalAttribute: 9,
  InvalidNetworkField: 10,
  MalformedAsPath: 11,
} as const

/** RFC 6608 §3. */
export const FsmSubcode = { Unspecific: 0, OpenSent: 1, OpenConfirm: 2, Established: 3 } as const

/** RFC 4486 §3, RFC 8538 §3, RFC 9384 §3. */
export const CeaseSubcode = {
  Unspecific: 0,
  MaximumPrefixes: 1,
  AdministrativeShutdown: 2,
  PeerDeconfigured: 3,
  AdministrativeReset: 4,
  ConnectionRejected: 5,
  OtherConfigurationChange: 6,
  CollisionResolution: 7,
  OutOfResources: 8,
  HardReset: 9,
  BfdDown: 10,
} as const

export const RouteRefreshSubcode = { InvalidMessageLength: 1 } as const

/** Well-known communities (RFC 1997, RFC 9494 §3.2 and §3.3). */
export const WellKnownCommunity = {
  LongLivedStale: 0xffff0006,
  NoLongLived: 0xffff0007,
  NoExport: 0xffffff01,
  NoAdvertise: 0xffffff02,
  NoExportSubconfed: 0xffffff03,
} as const

/** Tunnel types of the encapsulation community (RFC 9012 §4.1, IANA "BGP Tunnel Encapsulation Attribute Tunnel Types"). */
export const TunnelType = {
  None: 0,
  L2tpv3: 1,
  Gre: 2,
  IpInIp: 7,
  Vxlan: 8,
  Nvgre: 9,
  Mpls: 10,
  MplsInGre: 11,
  VxlanGpe: 12,
  MplsInUdp: 13,
  Geneve: 19,
} as const

/** PMSI tunnel types (RFC 6514 §5). */
export const PmsiTunnelType = { None: 0, IngressReplication: 6 } as const

const NOTIFICATION_NAMES: Readonly<
  Record<number, readonly [name: string, subcodes: Readonly<Record<string, number>>]>
> = {
  1: ['Message Header Error', HeaderSubcode],
  2: ['OPEN Message Error', OpenSubcode],
  3: ['UPDATE Message Error', UpdateSubcode],
  4: ['Hold Timer Expired', {}],
  5: ['Finite State Machine Error', FsmSubcode],
  6: ['Cease', CeaseSubcode],
  7: ['ROUTE-REFRESH Message Error', RouteRefreshSubcode],
  8: ['Send Hold Timer Expired', {}],
}

/** A NOTIFICATION's codes in words, as in `Cease/AdministrativeShutdown (6/2)`. */
export function notificationName(code: number, subcode: number): string {
  const known = NOTIFICATION_NAMES[code]
  if (known === undefined) return `unknown error (${code}/${subcode})`
  const [name, subcodes] = known
  const detail = Object.entries(subcodes).find(([, value]) => value === subcode)?.[0]
  return `${name}${detail === undefined ? '' : `/${detail}`} (${code}/${subcode})`
}
