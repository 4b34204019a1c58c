import type {
  ExplainedEvpn,
  ExplainedRoute,
  ExplainedVrf,
  Explanation,
  ReflectedRoute,
} from '../api/explain.ts'
import { entryText } from './status-text.ts'
import { formatColumns } from './table.ts'
import { listText } from './words.ts'

export function explanationText(explanation: Explanation): string {
  const { instances, unused = [], reflected, quarantined, dropped, malformed } = explanation
  return [
    ...(reflected?.length
      ? reflected.map(reflectedText)
      : instances.length === 0
        ? [nowhere(explanation)]
        : instances.map(instanceText)),
    ...unused.map((route) => rowOf(route, route.route_targets.join(' ')).join('  ')),
    ...(isMissing(explanation) ? whereToLook(explanation) : []),
    ...dropped.map(
      ({ source, route, reason }) => `${source} advertised ${route}, which is not kept: ${reason}`,
    ),
    ...quarantined.map(
      ({ source, reason }) => `${source} sent something unreadable with these octets: ${reason}`,
    ),
    ...malformed.map(
      ({ source, messages }) =>
        `malformed messages of ${source}, perhaps about this address, that withdrew what they named: ${messages}`,
    ),
  ].join('\n')
}

/** Whether there is no route, and no endpoint here that would have one. */
function isMissing({ routes, instances }: Explanation): boolean {
  return routes === 0 && instances.every(({ local }) => local.length === 0)
}

function nowhere({ address, routes, unused, reflected }: Explanation): string {
  if (reflected !== undefined) return `no peer advertises a route for ${address}`
  if (unused !== undefined) return `${address} is not attached here, and no instance uses a route for it`
  return routes === 0
    ? `${address} is not attached here, and no peer has a route for it that some instance here asks for`
    : `${address} is not attached here; there are routes for it, and no instance to import them`
}

function reflectedText({ sent_to, not_sent, ...route }: ReflectedRoute): string {
  const reasons = Map.groupBy(not_sent, ({ reason }) => reason)
  return [
    rowOf(route, route.route_targets.join(' ') || 'no route target').join('  '),
    ...(route.state === 'best' ? [`  advertised to ${listText(sent_to) || 'no peer'}`] : []),
    ...[...reasons].map(
      ([reason, found]) => `  not to ${listText(found.map(({ peer }) => peer))}: ${reason}`,
    ),
  ].join('\n')
}

/** Routes of a peer without a session, and those that a peer does not send for their route targets, appear as missing here. */
function* whereToLook({ address, filtered_by, reflected, down }: Explanation): Iterable<string> {
  for (const { peer, reason } of down) yield `${peer} has no session: ${reason}`
  if (filtered_by.length === 0) return
  const filter = `${listText(filtered_by)} ${filtered_by.length === 1 ? 'sends' : 'send'} only routes with a route target that`
  yield reflected === undefined
    ? `${filter} an instance here imports: ask there which targets the route has, on a chanter reflector by \`chanter explain ${address}\``
    : `${filter} another peer imports: \`chanter explain ${address}\` on the node of that address shows its targets`
}

function instanceText(instance: Explanation['instances'][number]): string {
  const { id, name, entries, not_shown } = instance
  const rows =
    instance.type === 'evpn'
      ? instance.routes.map((route) => rowOf(route, route.vni === null ? 'no vni' : `vni ${route.vni}`))
      : instance.routes.map((route) => rowOf(route, `label ${route.label}`))
  return [
    `${id} (${name}, ${natureOf(instance)}, imports ${instance.import.join(', ') || 'nothing'})`,
    ...localLines(instance).map((line) => `  ${line}`),
    ...(rows.length === 0 ? ['  no routes'] : indented(formatColumns(rows))),
    ...(not_shown > 0 ? [`  and ${not_shown} more that it does not import`] : []),
    ...(entries.length === 0
      ? ['  no kernel entry']
      : entries.map((entry) => `  in the kernel: ${entryText(entry)}`)),
  ].join('\n')
}

function natureOf(instance: ExplainedEvpn | ExplainedVrf): string {
  return instance.type === 'evpn' ? `VNI ${instance.vni}` : `RD ${instance.rd}, table ${instance.table}`
}

function localLines(instance: ExplainedEvpn | ExplainedVrf): string[] {
  if (instance.type === 'evpn')
    return instance.local.map(
      ({ mac, ip, port, direction, sequence, duplicate, not_advertised }) =>
        `attached here: ${mac} ${ip ?? 'any address'} on ${port}, ${direction}, mobility sequence ${sequence}${duplicate ? ', DUPLICATE: it moves too often, so its sequence number is no longer raised' : ''}${silenceText(not_advertised)}`,
    )
  return [
    ...instance.gateway_on.map((port) => `this machine has it, as the gateway on ${port}`),
    ...instance.local.map(
      ({ mac, ip, port, direction, label, not_advertised }) =>
        `attached here: ${mac} ${ip} on ${port}, ${direction}, label ${label}${silenceText(not_advertised)}`,
    ),
  ]
}

function silenceText(reason: string | null): string {
  return reason === null ? '' : `, NOT ADVERTISED: ${reason}`
}

function rowOf({ state, next_hop, source, stale, route, reason }: ExplainedRoute, number: string): string[] {
  return [
    state.toUpperCase(),
    next_hop ?? '',
    number,
    `from ${source}${stale ? ', stale' : ''}`,
    route,
    ...(reason === null ? [] : [`(${reason})`]),
  ]
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${line}`)
}
