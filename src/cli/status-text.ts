import type { ExplainedEntry, ListedEntry, ListedSetting, VerificationAnswer } from '../api/entries.ts'
import type { StatusSummary } from '../api/status.ts'
import { shellWord } from '../values/shell-word.ts'
import { formatTime } from '../values/time.ts'
import { peerTable } from './peer-table.ts'
import { formatColumns } from './table.ts'
import { countText, durationText, listText } from './words.ts'

const ROUTES = {
  complete: 'complete since',
  waiting: 'NOT COMPLETE: waiting for peers since the start,',
  stale: 'STALE: a peer restarts, its routes are stale since',
  headless: 'HEADLESS: no session, forwarding by stale routes since',
} as const

type Compared = NonNullable<StatusSummary['compared']>

function comparisonText(compared: Compared | null): string {
  if (compared === null) return 'not yet since the start'
  const { at, entries, faults } = compared
  const found = faults === 0 ? 'all as wanted' : `${countText(faults, 'was', 'were')} not as wanted`
  return `${countText(entries, 'entry', 'entries')} with the kernel at ${formatTime(at)}: ${found}`
}

/** The status page for operators. */
export function summaryText(summary: StatusSummary): string {
  const { ok, problems, version, started, uptime_seconds, sessions, routes, instances } = summary
  const { established, disabled, peers } = sessions
  const verdict = ok ? 'ALL WELL' : countText(problems.length, 'PROBLEM', 'PROBLEMS')
  const facts: [string, string][] = [
    [
      'sessions',
      `${established} of ${peers.length} established${disabled > 0 ? `, ${disabled} disabled` : ''}`,
    ],
    [
      'routes',
      `${ROUTES[routes.state]} ${formatTime(routes.since)}; ${routes.received} received, ${routes.own} ours`,
    ],
    ...(routes.filtered_by.length === 0
      ? []
      : [
          [
            '',
            `of ${listText(routes.filtered_by)} only those with a route target that ${instances === undefined ? 'another peer imports' : 'is imported here'}`,
          ] as [string, string],
        ]),
    ...routes.waiting_for.map((peer): [string, string] => ['', `waiting for End-of-RIB of ${peer}`]),
    ...routes.stale.map(({ peer, since }): [string, string] => [
      '',
      `stale since ${formatTime(since)}: routes of ${peer}`,
    ]),
    ...serviceFacts(summary),
    ...logFacts(summary),
  ]
  return [
    `${verdict}: chanter ${version}, up ${durationText(uptime_seconds)}, since ${formatTime(started)}`,
    ...(ok ? [] : ['', ...problems.map((problem) => `! ${problem}`)]),
    '',
    formatColumns(facts),
    ...(peers.length === 0 ? [] : ['', peerTable(peers)]),
  ].join('\n')
}

function* serviceFacts({
  vanished = [],
  instances,
  entries,
  drift,
  tight_underlays = [],
  without_ipv6 = [],
  isolation,
  compared,
  stale,
  unconfirmed,
  receive_only,
  state_file,
}: StatusSummary): Iterable<[string, string]> {
  for (const { instance, node, routes, seconds_left } of vanished)
    yield [
      'vanished',
      `${node} in ${instance}: ${countText(routes, 'route', 'routes')} kept for ${seconds_left} s`,
    ]
  if (instances !== undefined)
    yield ['instances', `${instances.count}, with ${countText(instances.endpoints, 'endpoint', 'endpoints')}`]
  if (entries !== undefined) {
    const { wanted, programmed, pending, failed, unremoved, removing = 0 } = entries
    const leaving = removing > 0 ? `, ${removing} to be removed` : ''
    const removals = unremoved > 0 ? `, ${unremoved} not removable` : ''
    yield [
      'kernel',
      `${wanted} entries wanted: ${programmed} programmed, ${pending} pending, ${failed} failed${leaving}${removals}`,
    ]
  }
  if (drift !== undefined && drift.last !== null)
    yield [
      'drift',
      `${countText(drift.count, 'change', 'changes')} by other programs repaired since the start, the last at ${formatTime(drift.last)}`,
    ]
  for (const { device, neighbours } of without_ipv6)
    yield ['IPv6', `disabled on ${device}: ${countText(neighbours, 'entry', 'entries')} not needed there`]
  for (const { underlay, room, mtu } of tight_underlays)
    yield ['mtu', `VXLAN devices have ${mtu}, ${underlay} room for ${room}: larger packets are fragmented`]
  if (isolation !== undefined) yield ['isolation', isolationText(isolation)]
  if (compared !== undefined) yield ['compared', comparisonText(compared)]
  if (stale !== undefined) {
    const { entries: kept, links } = stale
    const ofEntries =
      kept > 0 ? [`${countText(kept, 'entry', 'entries')} kept until initial convergence is complete`] : []
    const ofLinks = links.length > 0 ? [`links: ${links.map(({ name }) => name).join(', ')}`] : []
    yield ['stale', [...ofEntries, ...ofLinks].join('; ') || 'none']
  }
  if (unconfirmed !== undefined) yield* unconfirmedFacts(unconfirmed)
  if (receive_only !== undefined) yield* receiveOnlyFacts(receive_only)
  if (state_file === undefined) return
  yield ['state file', state_file === null ? 'none' : stateFileText(state_file)]
}

/** As many commands to detach are shown. */
const SHOWN_COMMANDS = 5

/** Yields nothing when agents have attached everything again. */
function* unconfirmedFacts({
  count,
  attachments,
}: NonNullable<StatusSummary['unconfirmed']>): Iterable<[string, string]> {
  if (count === 0) return
  yield [
    'unconfirmed',
    `${countText(count, 'attachment', 'attachments')} of the state file not attached again since the start; of deleted ports, detach them:`,
  ]
  for (const { vpn_type, vpn_instance_id, local_port, mac_address, ip_address } of attachments.slice(
    0,
    SHOWN_COMMANDS,
  )) {
    const ip = ip_address === null ? '' : ` --ip ${ip_address}`
    yield [
      '',
      `chanter detach --vpn-type ${vpn_type} --vpn-instance-id ${shellWord(vpn_instance_id)} --port ${shellWord(local_port)} --mac ${mac_address}${ip}`,
    ]
  }
  if (count > SHOWN_COMMANDS) yield ['', `and ${count - SHOWN_COMMANDS} more: chanter status --json`]
}

/** Yields nothing where each port is in one IP VPN. */
function* receiveOnlyFacts({
  count,
  ports: [first],
}: NonNullable<StatusSummary['receive_only']>): Iterable<[string, string]> {
  if (first === undefined) return
  const { local_port, vpn_instance_id, sends_into } = first
  const others = count === 1 ? '' : `, and ${count - 1} more`
  const into = sends_into === null ? 'is dropped' : `goes into ${sends_into} alone`
  yield ['receive only', `${local_port} in ${vpn_instance_id}: what it sends ${into}${others}`]
}

/** Yields nothing while no line was dropped. */
function* logFacts({ log }: StatusSummary): Iterable<[string, string]> {
  if (log === undefined || log.dropped === 0) return
  yield ['log', `${countText(log.dropped, 'line', 'lines')} dropped since the start`]
}

function isolationText({ both, xdp, tc, refusals, open }: NonNullable<StatusSummary['isolation']>): string {
  const why = (prefix: string) => refusals.filter((reason) => reason.startsWith(prefix)).join('; ')
  const counts = [
    ...(both > 0 ? [`${countText(both, 'bridge', 'bridges')} by XDP and tc`] : []),
    ...(xdp > 0 ? [`${countText(xdp, 'bridge', 'bridges')} by XDP alone (${why('tc')})`] : []),
    ...(tc > 0 ? [`${countText(tc, 'bridge', 'bridges')} by tc alone (${why('XDP')})`] : []),
    ...(open.length > 0 ? [`${open.length} NOT ISOLATED`] : []),
  ]
  return counts.join(', ') || 'nothing to isolate'
}

function stateFileText({ path, written, failure }: NonNullable<StatusSummary['state_file']>): string {
  if (failure !== null) return `NOT WRITABLE: ${path}: ${failure.reason}`
  return `${path}, ${written === null ? 'not written since the start' : `written ${formatTime(written)}`}`
}

export function settingsText(settings: readonly ListedSetting[]): string {
  if (settings.length === 0) return 'none'
  const rows = settings.map(({ name, value, before, fits, needed_for }) => [
    name,
    String(value),
    before === value ? '' : String(before),
    needed_for,
    ...(fits ? [] : ['NOT AS NEEDED']),
  ])
  return formatColumns([['SETTING', 'VALUE', 'BEFORE', 'NEEDED FOR'], ...rows])
}

export function entriesText(entries: readonly ListedEntry[]): string {
  const rows = entries.map(({ entry, instances, state, wanted, reason, since, next_try, attempts }) => [
    wanted ? state : 'not removed',
    entry,
    instances.join(','),
    since === null ? '' : formatTime(since),
    attempts === 0 ? '' : String(attempts),
    next_try === null ? '' : formatTime(next_try),
    reason ?? '',
  ])
  return formatColumns([['STATE', 'ENTRY', 'INSTANCE', 'SINCE', 'TRIES', 'NEXT TRY', 'WHY'], ...rows])
}

const STATES = {
  programmed: 'programmed',
  pending: 'PENDING',
  failed: 'FAILED',
  unneeded: 'not needed',
} as const

/** One entry in a line, with its fields and its state. */
export function entryText(one: ExplainedEntry): string {
  const { entry, state, reason, since, next_try } = one
  const facts = [
    ...factsOf(one),
    STATES[state],
    ...(since === null ? [] : [`since ${formatTime(since)}`]),
    ...(reason === null ? [] : [reason]),
    ...(next_try === null ? [] : [`next try ${formatTime(next_try)}`]),
  ]
  return `${entry}, ${facts.join(', ')}`
}

type Hops = Extract<ExplainedEntry, { readonly hops: unknown }>['hops']

/** Where an entry leads, by its fields: a MAC address to a VTEP, an IP address to a MAC address, a route to its next hops. */
function factsOf(one: ExplainedEntry): string[] {
  if ('hops' in one) return one.hops.map(hopText)
  if (!('mac' in one)) return []
  if ('dst' in one) return [`to ${one.dst} vni ${one.vni}`]
  return 'ip' in one ? [`is ${one.mac}`] : []
}

function hopText({ device, via, labels }: Hops[number]): string {
  const label = labels.length === 0 ? '' : ` with label ${labels.join('/')}`
  return `by ${via === null ? device : `${via} on ${device}`}${label}`
}

/** Whether the last verification shows that the kernel holds all wanted entries, and no other owned ones. */
export function isProved(verified: VerificationAnswer): boolean {
  const { faults, unreadable, failed, pending, stale, outdated } = verified
  if (stale > 0 || outdated.length > 0) return false
  return faults.length === 0 && unreadable.length === 0 && failed === 0 && pending === 0
}

/** Of a link that no instance wants, which the daemon does not delete: VMs may be behind it. */
const isStaleLink = ({ fault, entry }: VerificationAnswer['faults'][number]): boolean =>
  fault === 'extra' && entry.startsWith('link ')

export function verifiedText(verified: VerificationAnswer): string {
  const { devices, entries, missing, different, extra, failed, pending, stale, faults, unreadable } = verified
  const compared = `compared ${countText(entries, 'entry', 'entries')} on ${countText(devices, 'device', 'devices')} with the kernel`
  if (isProved(verified)) return `${compared}: all entries are programmed, and nothing else of chanter`
  const rows = [
    ...faults.map(({ fault, entry, found }) => [
      fault,
      entry,
      fault === 'different' && found !== null ? `there is ${fields(found)}` : '',
    ]),
    ...unreadable.map(({ device, reason }) => ['unreadable', device, reason]),
  ]
  const cut = faults.length < missing + different + extra ? `; the first ${faults.length} are` : ''
  const underWay = [
    ...(failed > 0 ? [`, ${failed} failed`] : []),
    ...(pending > 0 ? [`, ${pending} pending`] : []),
    ...(stale > 0 ? [`, ${stale} stale`] : []),
  ].join('')
  return [
    `${compared}: ${missing} missing, ${different} different, ${extra} extra${underWay}${cut}`,
    ...(rows.length > 0 ? [formatColumns(rows)] : []),
    ...(faults.some((fault) => !isStaleLink(fault)) ? ['drift is being repaired: verify again'] : []),
    ...(faults.some(isStaleLink)
      ? ['extra links still forward: attach the ports of their VPN instances again, or delete them']
      : []),
    ...(failed > 0
      ? ['failed entries are tried again, and listed with the reason by chanter status --failed']
      : []),
    ...(pending > 0 ? ['entries are pending: verify again'] : []),
    ...(stale > 0
      ? ['stale entries still forward, and are removed within a minute after initial convergence']
      : []),
    ...outdatedText(verified),
  ].join('\n')
}

function* outdatedText({ outdated: [first, ...more] }: VerificationAnswer): Generator<string> {
  if (first === undefined) return
  const others = more.length > 0 ? ` and ${more.length} more` : ''
  yield `${first}${others}: entries of bagpipe-bgp still forward, until the device is recreated within a minute after initial convergence`
}

function fields(found: unknown): string {
  return Object.entries(found as object)
    .filter(([name]) => name !== 'kind' && name !== 'device')
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ')
}
