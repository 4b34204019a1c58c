import { entryText, type ListedEntry } from './status-text.ts'
import { formatColumns } from './table.ts'

/** What `/explain` answers. */
export interface Explanation {
  readonly address: string
  /** Routes for the address in the RIB. */
  readonly routes: number
  readonly instances: readonly {
    readonly id: string
    readonly name: string
    readonly vni: number
    readonly import: readonly string[]
    readonly local: readonly {
      readonly mac: string
      readonly ip: string | null
      readonly port: string
      readonly direction: string
      readonly sequence: number
      /** It moves too often to be in one place. */
      readonly duplicate: boolean
    }[]
    readonly routes: readonly {
      readonly fate: string
      readonly reason: string | null
      readonly next_hop: string | null
      readonly vni: number
      readonly source: string
      readonly stale: boolean
      readonly route: string
    }[]
    readonly not_shown: number
    readonly entries: readonly ListedEntry[]
  }[]
  readonly quarantined: readonly { readonly source: string; readonly reason: string }[]
  readonly dropped: readonly {
    readonly source: string
    readonly looped: number
    readonly rejected: number
    readonly treated_as_withdraw: number
  }[]
}

export function explanationText({ address, routes, instances, quarantined, dropped }: Explanation): string {
  return [
    ...(instances.length === 0 ? [nowhere(address, routes)] : instances.map(instanceText)),
    ...quarantined.map(
      ({ source, reason }) => `${source} said something unreadable with these octets: ${reason}`,
    ),
    ...dropped.map(droppedText),
  ].join('\n')
}

function nowhere(address: string, routes: number): string {
  return routes === 0
    ? `${address} is not attached here, and no peer has a route for it that some instance here asks for`
    : `${address} is not attached here; there are routes for it, and no instance to import them`
}

function instanceText({ id, name, vni, ...instance }: Explanation['instances'][number]): string {
  const { routes, entries, not_shown } = instance
  const local = instance.local.map(
    ({ mac, ip, port, direction, sequence, duplicate }) =>
      `attached here: ${mac} ${ip ?? 'any address'} on ${port}, ${direction}, mobility sequence ${sequence}${duplicate ? ', DUPLICATE: it moves too often, and outbids nobody' : ''}`,
  )
  const rows = routes.map(({ fate, next_hop, vni: label, source, stale, route, reason }) => [
    fate.toUpperCase(),
    next_hop ?? '',
    `vni ${label}`,
    `from ${source}${stale ? ', stale' : ''}`,
    route,
    ...(reason === null ? [] : [`(${reason})`]),
  ])
  return [
    `${id} (${name}, VNI ${vni}, imports ${instance.import.join(', ') || 'nothing'})`,
    ...local.map((line) => `  ${line}`),
    ...(rows.length === 0 ? ['  no routes'] : indented(formatColumns(rows))),
    ...(not_shown > 0 ? [`  and ${not_shown} more that it does not import`] : []),
    ...(entries.length === 0
      ? ['  no kernel entry']
      : entries.map((entry) => `  in the kernel: ${entryText(entry)}`)),
  ].join('\n')
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${line}`)
}

function droppedText({
  source,
  looped,
  rejected,
  treated_as_withdraw,
}: Explanation['dropped'][number]): string {
  const kinds = [
    [looped, 'were ours coming back'],
    [rejected, 'no policy lets in'],
    [treated_as_withdraw, 'messages were malformed'],
  ]
  const told = kinds.filter(([count]) => Number(count) > 0).map(([count, why]) => `${count} ${why}`)
  return `of ${source}, and not kept, so perhaps about this address: ${told.join(', ')}`
}
