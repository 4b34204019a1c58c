import { Counter, Histogram, Registry } from 'prom-client'
import type { DaemonEvent, EventOf } from '../../events/event.ts'
import { routeFamily } from './route-family.ts'

type Labels = Readonly<Record<string, string | number>>

/** A counter that events of one type add to. */
interface CounterSpec<E extends DaemonEvent> {
  readonly name: string
  readonly help: string
  /** Never an entry, a port or an instance: there may be many thousand. */
  readonly labels?: readonly string[]
  /** The increments for an event, with the labels; by default one, with the event's own fields. */
  readonly add?: (event: E) => Iterable<readonly [Labels, number]>
}

type CounterSpecs = { readonly [T in DaemonEvent['type']]?: readonly CounterSpec<EventOf<T>>[] }

const byKind = ({ kinds }: { readonly kinds: Readonly<Record<string, number>> }) =>
  Object.entries(kinds).map(([kind, count]) => [{ kind }, count] as const)

const STATE_FILE = {
  name: 'chanter_state_file_failures_total',
  help: 'State that could not be written, or not be read as a whole',
} as const

/** Counters by their event type. */
const COUNTERS: CounterSpecs = {
  'session-changed': [
    {
      name: 'chanter_bgp_sessions_established_total',
      help: 'BGP sessions that were established',
      labels: ['peer'],
      add: ({ peer, to }) => (to === 'Established' ? [[{ peer }, 1]] : []),
    },
    {
      name: 'chanter_bgp_sessions_lost_total',
      help: 'Established BGP sessions that ended without a command of an operator',
      labels: ['peer'],
      add: ({ peer, lost }) => (lost ? [[{ peer }, 1]] : []),
    },
  ],
  'session-fault': [
    {
      name: 'chanter_bgp_session_faults_total',
      help: 'BGP sessions that were reset for an internal error',
      labels: ['peer'],
    },
  ],
  'routes-changed': [
    {
      name: 'chanter_bgp_received_routes_total',
      help: 'Routes that UPDATE messages of the peer advertised, repetitions counted',
      labels: ['peer', 'route_family'],
      add: ({ peer, family, received }) => [[{ peer, ...routeFamily(family) }, received]],
    },
    {
      name: 'chanter_bgp_withdrawn_routes_total',
      help: 'Routes that UPDATE messages of the peer withdrew',
      labels: ['peer', 'route_family'],
      add: ({ peer, family, withdrawn }) => [[{ peer, ...routeFamily(family) }, withdrawn]],
    },
    {
      name: 'bgp_received_withdraw_prefix_total',
      help: 'Number of routes withdrawn by received BGP UPDATE messages',
      labels: ['peer'],
      add: ({ peer, withdrawn }) => [[{ peer }, withdrawn]],
    },
  ],
  'malformed-update': [
    {
      name: 'chanter_bgp_malformed_updates_total',
      help: 'Malformed UPDATE messages by what was done (RFC 7606)',
      labels: ['peer', 'severity'],
    },
  ],
  'nlri-quarantined': [
    {
      name: 'chanter_bgp_quarantined_nlri_total',
      help: 'NLRI that could not be read',
      labels: ['peer'],
      add: ({ peer, routes }) => [[{ peer }, routes]],
    },
  ],
  'route-withheld': [
    {
      name: 'chanter_bgp_withheld_routes_total',
      help: 'Routes that could not be advertised to a peer',
      labels: ['peer'],
    },
  ],
  'connection-refused': [
    { name: 'chanter_bgp_refused_connections_total', help: 'Connections from addresses that are no peer' },
  ],
  'headless-began': [
    {
      name: 'chanter_headless_periods_total',
      help: 'Times that forwarding became headless: no session, stale routes',
    },
  ],
  'entries-programmed': [
    {
      name: 'chanter_entries_programmed_total',
      help: 'Kernel entries that were set',
      labels: ['kind'],
      add: byKind,
    },
  ],
  'entries-removed': [
    {
      name: 'chanter_entries_removed_total',
      help: 'Kernel entries that were removed',
      labels: ['kind'],
      add: byKind,
    },
  ],
  'entries-refused': [
    {
      name: 'chanter_entry_failures_total',
      help: 'Refusals of the kernel to set or remove an entry, each try counted',
      labels: ['kind', 'op'],
      add: ({ kinds, op }) => Object.entries(kinds).map(([kind, count]) => [{ kind, op }, count]),
    },
  ],
  'entries-drifted': [
    {
      name: 'chanter_entries_drifted_total',
      help: 'Changes of owned kernel entries by other programs',
      add: ({ count }) => [[{}, count]],
    },
  ],
  'entry-repaired': [
    {
      name: 'chanter_entries_repaired_total',
      help: 'Drifted entries that were programmed again or removed',
      labels: ['kind'],
    },
  ],
  'comparison-differs': [
    {
      name: 'chanter_comparison_differences_total',
      help: 'Differences that comparisons with the kernel found, by fault',
      labels: ['fault'],
      add: ({ missing, different, extra }) =>
        Object.entries({ missing, different, extra }).map(([fault, count]) => [{ fault }, count]),
    },
  ],
  'device-created': [{ name: 'chanter_devices_created_total', help: 'Network devices that were created' }],
  'device-deleted': [{ name: 'chanter_devices_deleted_total', help: 'Network devices that were deleted' }],
  'device-failed': [
    {
      name: 'chanter_device_failures_total',
      help: 'Devices that could not be programmed, each try',
      labels: ['kind'],
    },
  ],
  'notifications-lost': [
    { name: 'chanter_kernel_notifications_lost_total', help: 'Times that kernel notifications were lost' },
  ],
  'storm-began': [{ name: 'chanter_broadcast_storms_total', help: 'Broadcast storms that began' }],
  'loop-failed': [
    { name: 'chanter_forwarding_loop_failures_total', help: 'Failures of the forwarding loop itself' },
  ],
  attached: [{ name: 'chanter_attaches_total', help: 'Endpoints that were attached, repetitions counted' }],
  detached: [{ name: 'chanter_detaches_total', help: 'Detaches that were carried out' }],
  'duplicate-mac': [
    { name: 'chanter_duplicate_macs_total', help: 'MAC addresses that were found to be duplicates' },
  ],
  'state-not-kept': [STATE_FILE],
  'state-entry-not-kept': [STATE_FILE],
  'state-unusable': [STATE_FILE],
  'state-damaged': [STATE_FILE],
  'state-torn': [STATE_FILE],
  'config-reloaded': [{ name: 'chanter_config_reloads_total', help: 'Reloads of the configuration' }],
  'reload-failed': [
    {
      name: 'chanter_config_reload_failures_total',
      help: 'Reloads that changed nothing, since the configuration could not be used',
    },
  ],
  'api-request': [
    {
      name: 'chanter_api_requests_total',
      help: 'Requests to the API by method, pattern of the path and status',
      labels: ['method', 'route', 'code'],
      add: ({ method, route, status }) => [[{ method, route: route ?? '', code: status }, 1]],
    },
  ],
}

/** Peers that have counters; of more, the one whose events are the longest ago loses them: those that connect from an open prefix may be many. */
const MAX_PEERS = 4096

/** Counts events since the start of the process, as a reader of them. */
export class EventCounters {
  readonly registry = new Registry()
  /** What removes the counters of a peer, by their names and labels; the peer with the latest event is the last one. */
  private readonly byPeer = new Map<string, Map<string, () => void>>()
  private readonly adders = new Map<string, ((event: DaemonEvent) => void)[]>()
  private readonly durations = new Histogram({
    name: 'chanter_api_request_duration_seconds',
    help: 'Time until a request to the API was answered as a whole',
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  })

  constructor() {
    const counters = new Map<string, Counter>()
    for (const [type, specs] of Object.entries(COUNTERS) as [string, CounterSpec<DaemonEvent>[]][])
      this.adders.set(
        type,
        specs.map((spec) => this.adder(spec, counters)),
      )
  }

  /** Counts an event. */
  readonly read = (event: DaemonEvent): void => {
    for (const add of this.adders.get(event.type) ?? []) add(event)
    if (event.type === 'api-request') this.durations.observe(event.seconds)
  }

  private adder(spec: CounterSpec<DaemonEvent>, counters: Map<string, Counter>) {
    const {
      name,
      help,
      labels = [],
      add = (event: DaemonEvent) => [[fieldsOf(event, labels), 1] as const],
    } = spec
    const counter =
      counters.get(name) ?? new Counter({ name, help, labelNames: labels, registers: [this.registry] })
    counters.set(name, counter)
    return (event: DaemonEvent) => {
      for (const [values, count] of add(event)) {
        counter.inc(values, count)
        const { peer } = values
        if (peer !== undefined)
          this.keep(String(peer), name + JSON.stringify(values), () => counter.remove(values))
      }
    }
  }

  /** The peer has a counter. */
  private keep(peer: string, counter: string, remove: () => void): void {
    const own = this.byPeer.get(peer) ?? new Map<string, () => void>()
    own.set(counter, remove)
    this.byPeer.delete(peer)
    this.byPeer.set(peer, own)
    const [oldest] = this.byPeer
    if (oldest === undefined || this.byPeer.size <= MAX_PEERS) return
    for (const removeOne of oldest[1].values()) removeOne()
    this.byPeer.delete(oldest[0])
  }
}

function fieldsOf(event: DaemonEvent, names: readonly string[]): Labels {
  const fields = new Map<string, unknown>(Object.entries(event))
  return Object.fromEntries(names.map((name) => [name, String(fields.get(name))]))
}
