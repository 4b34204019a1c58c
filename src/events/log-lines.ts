import type { DaemonEvent, EventOf } from './event.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** How an event is logged. */
export interface LogLine<E extends DaemonEvent> {
  /** The part of the daemon, as named in the log. */
  readonly part: 'daemon' | 'bgp' | 'dataplane' | 'vpn' | 'state' | 'rest' | 'config' | 'record'
  readonly level: Level | ((event: E) => Level)
  /** What the line says, beside the fields of the event; or the field that says it in a whole sentence. */
  readonly message: string | { readonly field: keyof E }
  /** Rate limit for events that peers or the kernel can cause without end: for each value of this field, or for all together. */
  readonly limit?: keyof E | 'all'
}

/** Null where an event is not logged. */
type LogLines = { readonly [T in DaemonEvent['type']]: LogLine<EventOf<T>> | null }

/** The line of each event, with the words that operators search for. */
export const LOG_LINES = {
  starting: { part: 'daemon', level: 'info', message: 'starting' },
  'lock-awaited': { part: 'daemon', level: 'info', message: 'waiting for another daemon to end' },
  'lock-failed': { part: 'daemon', level: 'warn', message: { field: 'reason' } },
  'capabilities-missing': { part: 'daemon', level: 'error', message: { field: 'reason' } },
  ready: { part: 'daemon', level: 'info', message: 'ready' },
  'reflector-ready': { part: 'daemon', level: 'info', message: 'ready' },
  'start-failed': { part: 'daemon', level: 'fatal', message: 'cannot start' },
  'signal-ignored': { part: 'daemon', level: 'info', message: 'signal ignored' },
  stopping: { part: 'daemon', level: 'info', message: 'stopping' },
  stopped: { part: 'daemon', level: 'info', message: 'stopped' },
  'reload-signalled': { part: 'daemon', level: 'info', message: 'SIGHUP: reloading' },
  'log-reopened': { part: 'daemon', level: 'info', message: 'log file reopened' },
  'log-not-reopened': {
    part: 'daemon',
    level: 'warn',
    message: 'log file not reopened: the old one is kept',
  },
  'service-manager-failed': {
    part: 'daemon',
    level: 'warn',
    message: 'the service manager cannot be notified',
  },
  'session-changed': {
    part: 'bgp',
    level: ({ lost }) => (lost ? 'warn' : 'info'),
    message: 'session state',
  },
  'session-fault': { part: 'bgp', level: 'error', message: 'internal error in a session; resetting it' },
  'family-converged': { part: 'bgp', level: 'debug', message: 'End-of-RIB received' },
  'routes-changed': { part: 'bgp', level: 'debug', message: 'routes changed' },
  'initial-convergence': {
    part: 'bgp',
    level: 'info',
    message: 'initial convergence complete; removing stale entries',
  },
  'headless-began': {
    part: 'bgp',
    level: 'warn',
    message: 'headless: no session; forwarding by stale routes',
  },
  'headless-ended': { part: 'bgp', level: 'info', message: 'no longer headless' },
  'malformed-update': { part: 'bgp', level: 'warn', message: 'malformed UPDATE', limit: 'peer' },
  'nlri-quarantined': { part: 'bgp', level: 'warn', message: 'NLRI quarantined', limit: 'peer' },
  'refresh-ignored': {
    part: 'bgp',
    level: 'warn',
    message: 'route refresh ahead of End-of-RIB ignored',
    limit: 'peer',
  },
  'route-withheld': { part: 'bgp', level: 'warn', message: 'route cannot be advertised', limit: 'peer' },
  'connection-refused': {
    part: 'bgp',
    level: 'warn',
    message: 'connection from an address that is no peer',
    limit: 'all',
  },
  'peer-added': { part: 'bgp', level: 'info', message: 'peer added' },
  'peer-removed': { part: 'bgp', level: 'info', message: 'peer removed' },
  'peer-changed': { part: 'bgp', level: 'info', message: 'peer changed' },
  'peer-limit': { part: 'bgp', level: 'warn', message: 'too many dynamic peers', limit: 'all' },
  'listen-failed': {
    part: 'bgp',
    level: 'warn',
    message: 'cannot listen for BGP: peers cannot connect to us; retrying',
  },
  listening: { part: 'bgp', level: 'info', message: 'listening for BGP: peers can connect to us' },
  'entries-programmed': null,
  'entries-removed': null,
  'entries-refused': null,
  'entry-failed': {
    part: 'dataplane',
    level: 'warn',
    message: 'entry refused; retrying',
    limit: 'all',
  },
  'entries-drifted': {
    part: 'dataplane',
    level: 'warn',
    message: 'drift: entries changed by other programs; repairing',
  },
  'entry-repaired': { part: 'dataplane', level: 'debug', message: 'entry repaired' },
  'device-created': { part: 'dataplane', level: 'info', message: 'device created' },
  'device-deleted': { part: 'dataplane', level: 'info', message: 'device deleted' },
  'device-failed': {
    part: 'dataplane',
    level: ({ attempts }) => (attempts === 1 ? 'warn' : 'debug'),
    message: 'device not programmed',
  },
  'device-unreadable': { part: 'dataplane', level: 'warn', message: 'device not readable' },
  'ipv6-disabled': {
    part: 'dataplane',
    level: 'info',
    message: 'IPv6 is disabled: IPv6 entries are not set',
  },
  'vtep-unassigned': {
    part: 'dataplane',
    level: 'warn',
    message: 'no interface has the VTEP address: MTU of VXLAN is 1500',
  },
  'notifications-lost': { part: 'dataplane', level: 'warn', message: 'kernel notifications lost' },
  'comparison-differs': {
    part: 'dataplane',
    level: 'warn',
    message: 'drift without a notification; repairing',
  },
  'comparison-partial': { part: 'dataplane', level: 'warn', message: 'devices not compared' },
  'comparison-failed': { part: 'dataplane', level: 'error', message: 'comparison with the kernel failed' },
  'storm-began': { part: 'dataplane', level: 'warn', message: 'broadcast storm' },
  'storm-ended': { part: 'dataplane', level: 'info', message: 'broadcast storm is over' },
  'neighbour-table-full': {
    part: 'dataplane',
    level: 'warn',
    message: 'neighbour table full: the node does not reach new neighbours',
  },
  'neighbour-table-free': { part: 'dataplane', level: 'info', message: 'neighbour table is no longer full' },
  'neighbour-tables-unreadable': {
    part: 'dataplane',
    level: 'error',
    message: 'neighbour tables cannot be read',
  },
  'counters-unreadable': {
    part: 'dataplane',
    level: 'error',
    message: 'counters of bridges cannot be read',
  },
  'addresses-unreadable': {
    part: 'dataplane',
    level: 'error',
    message: 'node addresses cannot be read; retrying',
  },
  'loop-failed': {
    part: 'dataplane',
    level: 'error',
    message: 'forwarding loop failed; retrying each second',
  },
  'instance-created': { part: 'vpn', level: 'debug', message: 'instance created' },
  'instance-ended': { part: 'vpn', level: 'debug', message: 'instance ended' },
  attached: { part: 'vpn', level: 'info', message: 'attached' },
  detached: { part: 'vpn', level: 'info', message: 'detached' },
  'duplicate-mac': { part: 'vpn', level: 'warn', message: 'duplicate MAC address' },
  'vni-kept': { part: 'vpn', level: 'warn', message: 'VNI of an existing instance stays' },
  'bridge-kept': { part: 'vpn', level: 'warn', message: 'bridge of an existing instance stays' },
  'vni-reused': {
    part: 'vpn',
    level: 'warn',
    message: 'VNI reused soon after another instance; peers without a session may still send to it',
  },
  'port-shared': {
    part: 'vpn',
    level: 'warn',
    message:
      'port is in the VRF of another instance: it receives from this one, and sends into the other alone',
  },
  'dummy-driver': {
    part: 'dataplane',
    level: 'info',
    message: 'the dummy driver accepts and advertises attachments, and forwards nothing for them',
  },
  'state-restored': { part: 'state', level: 'info', message: 'state restored' },
  'state-of-another-boot': {
    part: 'state',
    level: 'info',
    message: 'state file is from another boot or network namespace; not restored',
  },
  'state-of-before-bagpipe-bgp': {
    part: 'state',
    level: 'warn',
    message: 'bagpipe-bgp has run since the state was written; not restored',
  },
  'state-older': {
    part: 'state',
    level: 'warn',
    message: 'older state restored',
  },
  'state-changed': {
    part: 'state',
    level: 'warn',
    message: 'another program has removed or changed the state file; it is written anew',
  },
  'state-not-kept': { part: 'state', level: 'error', message: 'state file cannot be written' },
  'state-kept-again': { part: 'state', level: 'warn', message: 'state file written again' },
  'state-incomplete': {
    part: 'state',
    level: 'error',
    message:
      'the daemon ends, and the state file may lack the latest changes: attach again after the next start',
  },
  'state-entry-not-kept': {
    part: 'state',
    level: 'error',
    message: 'state entry cannot be written; the others are',
  },
  'state-unusable': { part: 'state', level: 'error', message: 'state file cannot be used' },
  'state-damaged': {
    part: 'state',
    level: 'error',
    message: 'state file damaged; restored up to the damage',
  },
  'state-torn': {
    part: 'state',
    level: 'warn',
    message: 'last record of the state file is torn; ignored',
  },
  'config-reloaded': { part: 'config', level: 'info', message: 'configuration reloaded' },
  'config-refused': {
    part: 'config',
    level: 'error',
    message: 'configuration cannot be used; nothing is changed',
  },
  'reload-failed': null,
  'config-warning': { part: 'config', level: 'warn', message: { field: 'reason' } },
  'config-note': { part: 'config', level: 'info', message: { field: 'reason' } },
  'option-changed': { part: 'config', level: 'info', message: 'option changed' },
  'option-needs-restart': {
    part: 'config',
    level: 'warn',
    message: 'option changed; it takes effect when the daemon is restarted',
  },
  'recording-failed': {
    part: 'record',
    level: 'warn',
    message: 'recording cannot be written: make room, or start without --record',
  },
  'api-listening': { part: 'rest', level: 'info', message: 'API listening' },
  'api-socket-removed': {
    part: 'rest',
    level: 'warn',
    message: 'another program has removed the socket of the API; it is made anew',
  },
  'api-socket-failed': {
    part: 'rest',
    level: 'error',
    message: 'the socket of the API cannot be made anew',
  },
  'api-request': null,
  'request-refused': { part: 'rest', level: 'warn', message: 'request refused', limit: 'code' },
  'request-failed': { part: 'rest', level: 'error', message: 'request failed' },
  'peer-order': { part: 'rest', level: 'info', message: 'peer command from an operator' },
} as const satisfies LogLines
