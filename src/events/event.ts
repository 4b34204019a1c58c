/** Something that happened in the daemon. Peers, instances and entries are text, so that events cross threads and can be kept as JSON. */
export type DaemonEvent =
  | LifecycleEvent
  | BgpEvent
  | DataplaneEvent
  | VpnEvent
  | StateFileEvent
  | ApiEvent
  | ConfigEvent
  | RecordingEvent

/** Of the process, from its start to its end. */
export type LifecycleEvent =
  /** `config`: the options in effect by section, without secrets. */
  | { readonly type: 'starting'; readonly version: string; readonly config: object }
  /** Another daemon has the lock of this machine, and is waited for. */
  | { readonly type: 'lock-awaited'; readonly why: string }
  /** `reason` is a whole sentence. */
  | { readonly type: 'lock-failed'; readonly reason: string }
  /** As above. */
  | { readonly type: 'capabilities-missing'; readonly missing: readonly string[]; readonly reason: string }
  | {
      readonly type: 'ready'
      readonly api: object
      readonly peers: readonly string[]
      /** That of EVPN. */
      readonly driver: string
      /** The driver of IP VPNs. */
      readonly ipvpn: string
    }
  | {
      readonly type: 'reflector-ready'
      readonly as: number
      readonly listen: string
      readonly port: number
    }
  | { readonly type: 'start-failed'; readonly error: Error }
  | { readonly type: 'signal-ignored' | 'stopping'; readonly signal: string }
  | { readonly type: 'reload-signalled' | 'stopped' }
  | { readonly type: 'log-reopened'; readonly file: string }
  | { readonly type: 'log-not-reopened'; readonly file: string; readonly reason: string }
  | { readonly type: 'service-manager-failed'; readonly reason: string }

/** `peer` is its address; `family` as in `l2vpn/evpn`. */
export type BgpEvent =
  | {
      readonly type: 'session-changed'
      readonly peer: string
      readonly direction: 'incoming' | 'outgoing'
      readonly from: string
      readonly to: string
      readonly reason: string | null
      /** It was established, and no operator ended it. */
      readonly lost: boolean
    }
  | { readonly type: 'session-fault'; readonly peer: string; readonly error: Error }
  /** The peer has sent End-of-RIB; `routes` are the family's in its Adj-RIB-In. */
  | {
      readonly type: 'family-converged'
      readonly peer: string
      readonly family: string
      readonly routes: number
    }
  /** Since the last one of the family, its UPDATEs have advertised `received` routes, known ones too, and withdrawn so many; `routes` as above. */
  | {
      readonly type: 'routes-changed'
      readonly peer: string
      readonly family: string
      readonly received: number
      readonly withdrawn: number
      readonly routes: number
    }
  /** Initial convergence is complete. */
  | { readonly type: 'initial-convergence' }
  /** No session is established, and routes are kept that no peer confirms. */
  | { readonly type: 'headless-began' | 'headless-ended' }
  | {
      readonly type: 'malformed-update'
      readonly peer: string
      readonly severity: string
      /** Code of the path attribute; null where it is none. */
      readonly attribute: number | null
      readonly reason: string
      readonly errors: number
    }
  | {
      readonly type: 'nlri-quarantined'
      readonly peer: string
      readonly family: string
      readonly reason: string
      readonly routes: number
    }
  | { readonly type: 'refresh-ignored'; readonly peer: string; readonly family: string }
  | {
      readonly type: 'route-withheld'
      readonly peer: string
      readonly family: string
      readonly route: string
      readonly reason: string
    }
  | { readonly type: 'connection-refused'; readonly address: string }
  | { readonly type: 'peer-added' | 'peer-removed'; readonly peer: string }
  /** `reset`: the error ended the session. */
  | { readonly type: 'peer-changed'; readonly peer: string; readonly reset: boolean }
  | { readonly type: 'peer-limit'; readonly address: string; readonly limit: number }
  | {
      readonly type: 'listen-failed'
      readonly address: string
      readonly port: number
      readonly reason: string
    }
  /** After a failure. */
  | { readonly type: 'listening'; readonly address: string; readonly port: number }

export type DataplaneEvent =
  /** How many entries were set in one batch, or removed, by kind. */
  | {
      readonly type: 'entries-programmed' | 'entries-removed'
      readonly kinds: Readonly<Record<string, number>>
    }
  /** How many entries of one batch the kernel refused to set or remove, by kind; those that are tried again count again. */
  | {
      readonly type: 'entries-refused'
      readonly op: 'set' | 'remove'
      readonly kinds: Readonly<Record<string, number>>
    }
  /** The first refusal of an entry that was programmed, or is new. */
  | {
      readonly type: 'entry-failed'
      readonly op: 'set' | 'remove'
      readonly kind: string
      readonly device: string
      readonly entry: string
      readonly reason: string
      readonly code: string
    }
  /** Entries that other programs changed since the last event; `entry` is one of them, the most frequently drifting where there is one. */
  | {
      readonly type: 'entries-drifted'
      readonly count: number
      readonly device: string
      readonly entry: string
      readonly recurring: number
    }
  /** A drifted entry is programmed again. */
  | { readonly type: 'entry-repaired'; readonly kind: string; readonly entry: string }
  | { readonly type: 'device-created'; readonly device: string; readonly alias: string | null }
  | { readonly type: 'device-deleted'; readonly device: string }
  | {
      readonly type: 'device-failed'
      readonly device: string
      readonly kind: string
      readonly reason: string
      readonly code: string
      readonly attempts: number
    }
  | { readonly type: 'device-unreadable'; readonly device: string; readonly reason: string }
  | { readonly type: 'ipv6-disabled'; readonly device: string }
  /** No interface has the address. */
  | { readonly type: 'vtep-unassigned'; readonly address: string }
  | { readonly type: 'notifications-lost'; readonly overruns: number }
  /** A comparison of the whole kernel found differences. */
  | {
      readonly type: 'comparison-differs'
      readonly missing: number
      readonly different: number
      readonly extra: number
      readonly first: string
    }
  | {
      readonly type: 'comparison-partial'
      readonly unreadable: readonly { readonly device: string; readonly reason: string }[]
    }
  | { readonly type: 'comparison-failed'; readonly error: Error }
  | {
      readonly type: 'storm-began' | 'storm-ended'
      readonly instance: string
      readonly bridge: string
      readonly port: string | null
      /** Broadcast and multicast frames a second. */
      readonly rate: number
    }
  | {
      readonly type: 'neighbour-table-full'
      readonly family: 'ipv4' | 'ipv6'
      /** Since the last reading. */
      readonly refused: number
      /** The interface with the most entries; null where there are none here. */
      readonly device: string | null
    }
  | { readonly type: 'neighbour-table-free'; readonly family: 'ipv4' | 'ipv6' }
  | {
      readonly type:
        | 'counters-unreadable'
        | 'neighbour-tables-unreadable'
        | 'addresses-unreadable'
        | 'loop-failed'
      readonly error: Error
    }

/** `instance` is the id from the agent. */
export type VpnEvent =
  | { readonly type: 'instance-created' | 'instance-ended'; readonly instance: string; readonly vpn: string }
  | { readonly type: 'attached'; readonly instance: string; readonly port: string; readonly mac: string }
  | { readonly type: 'detached'; readonly instance: string; readonly mac: string }
  | { readonly type: 'duplicate-mac'; readonly instance: string; readonly mac: string }
  | { readonly type: 'vni-kept'; readonly instance: string; readonly vni: number; readonly asked: number }
  | {
      readonly type: 'bridge-kept'
      readonly instance: string
      readonly bridge: string
      readonly asked: string
    }
  | {
      readonly type: 'vni-reused'
      readonly instance: string
      readonly vni: number
      readonly former: string
      readonly seconds: number
      readonly peers: readonly string[]
    }
  | {
      readonly type: 'port-shared'
      readonly instance: string
      readonly port: string
      readonly holder: string
    }
  | { readonly type: 'dummy-driver'; readonly vpn: string }

/** `file` is its path, `aside` that of the copy of an unusable file. */
export type StateFileEvent =
  | {
      readonly type: 'state-restored'
      readonly file: string
      readonly instances: number
      readonly attachments: number
    }
  | {
      readonly type:
        | 'state-of-another-boot'
        | 'state-older'
        | 'state-changed'
        | 'state-kept-again'
        | 'state-incomplete'
        | 'state-of-before-bagpipe-bgp'
      readonly file: string
    }
  | { readonly type: 'state-not-kept'; readonly file: string; readonly reason: string }
  | {
      readonly type: 'state-entry-not-kept'
      readonly file: string
      readonly entry: string
      readonly reason: string
    }
  | {
      readonly type: 'state-unusable' | 'state-damaged'
      readonly file: string
      readonly reason: string
      /** The name that it is kept under; null where that was not possible. */
      readonly aside: string | null
    }
  | { readonly type: 'state-torn'; readonly file: string; readonly octets: number }

export type ApiEvent =
  /** A Unix socket has a path and no port. */
  | { readonly type: 'api-listening'; readonly address: string; readonly port: number | null }
  | { readonly type: 'api-socket-removed'; readonly path: string }
  | { readonly type: 'api-socket-failed'; readonly path: string; readonly reason: string }
  | {
      readonly type: 'api-request'
      readonly method: string
      /** The matched path pattern, as `/bgp/peers/:address/reset`; null for none. */
      readonly route: string | null
      readonly status: number
      readonly seconds: number
    }
  | {
      readonly type: 'request-refused'
      readonly method: string
      readonly url: string
      /** The id in the body, where there is one. */
      readonly instance?: string
      readonly status: number
      readonly reason: string
      readonly code: string
    }
  | {
      readonly type: 'request-failed'
      readonly method: string
      readonly url: string
      readonly status: number
      readonly reason: string
      readonly error: Error
    }
  | { readonly type: 'peer-order'; readonly peer: string; readonly action: string; readonly reason: string }

/** Of the start or a reload; `option` is `[section] name`, values are displayed ones. */
export type ConfigEvent =
  | { readonly type: 'config-reloaded' }
  /** The running configuration stays as it is. */
  | { readonly type: 'config-refused'; readonly reason: string }
  /** `reason` is a whole sentence. */
  | { readonly type: 'config-warning' | 'config-note'; readonly reason: string }
  /** After all reasons. */
  | { readonly type: 'reload-failed' }
  | {
      readonly type: 'option-changed' | 'option-needs-restart'
      readonly option: string
      readonly before: unknown
      readonly after: unknown
    }

/** The recording cannot be written for now. */
export interface RecordingEvent {
  readonly type: 'recording-failed'
  readonly file: string
  readonly reason: string
}

/** The event of one type. */
export type EventOf<T extends DaemonEvent['type']> = Extract<DaemonEvent, { readonly type: T }>

/** Where parts of the daemon report events. Emitting costs little, never throws and never waits. */
export interface EventSink {
  emit(event: DaemonEvent): void
}

/** Hands each event to all readers, in the order in which they were added. Readers do not throw. */
export class EventBus implements EventSink {
  private readonly readers: ((event: DaemonEvent) => void)[] = []

  read(reader: (event: DaemonEvent) => void): void {
    this.readers.push(reader)
  }

  emit(event: DaemonEvent): void {
    for (const reader of this.readers) reader(event)
  }
}

/** An exception in the form for an event. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
