import { createHash } from 'node:crypto'
import * as z from 'zod'
import { type EntryChange, encodeRecord, type Replay, replay } from './journal.ts'
import {
  type AttachmentState,
  type InstanceState,
  type KeptNumbers,
  kinds,
  type NumberRange,
  type SavedState,
  type StateChange,
  type StateKind,
  type Value,
  wholeState,
} from './state.ts'

/** Increased with every change that an older daemon would misread. */
const VERSION = 4
/** The last version that had the whole state in one line. */
const LAST_WHOLE_VERSION = 3
const FORMAT = 'chanter-state'

/** A text that is no state, or not in a readable version; the message says why. */
export class Unreadable extends Error {}

/** A state that a newer daemon has written. */
export class NewerState extends Unreadable {}

/** The content of a state text. */
export interface ReadState extends Pick<Replay, 'torn' | 'damage'> {
  readonly state: SavedState
}

/** Throws where the value cannot be encoded in JSON, such as one that is nested too deeply. */
export function encodeChange({ kind, id, value }: StateChange): EntryChange {
  const schema: z.ZodType = kinds[kind]
  return [stateKeyOf(kind, id), value === undefined ? undefined : JSON.stringify(z.encode(schema, value))]
}

export function stateKeyOf(kind: StateKind, id: string): string {
  return id === '' ? kind : `${kind} ${id}`
}

/** A journal that begins with these entries: a header with their number, then one record each. */
export function encodeJournal(entries: ReadonlyMap<string, string>): string {
  const header = JSON.stringify({ format: FORMAT, version: VERSION, entries: entries.size })
  return `${header}\n${Array.from(entries, (entry) => encodeRecord([entry])).join('')}`
}

/** Of all versions. Throws `Unreadable`. */
export function readState(text: string): ReadState {
  const end = text.indexOf('\n')
  const [head, body] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
  const { format, version, sha256, entries } = header(head)
  if (format !== FORMAT) throw new Unreadable('it is not a state file')
  if (version === VERSION) {
    if (typeof entries === 'number') return readJournal(body, entries)
    throw new Unreadable(`its version is ${version}, and its header is wrong`)
  }
  if (typeof version === 'number' && version > VERSION)
    throw new NewerState(
      `a newer chanter wrote it, version ${version}, and this one reads up to ${VERSION}: agents have to attach again`,
    )
  if (typeof version !== 'number' || version < 1 || version > LAST_WHOLE_VERSION)
    throw new Unreadable(`its version is ${version}, and there is none of that number`)
  const [line = ''] = body.split('\n', 1)
  if (createHash('sha256').update(line).digest('hex') !== sha256)
    throw new Unreadable('its checksum is wrong')
  return { state: decode('the state', wholeState, parse(line)), torn: 0, damage: null }
}

function readJournal(body: string, least: number): ReadState {
  const { entries, records, torn, damage } = replay(body)
  if (records < least) throw new Unreadable(damage ?? `it ends before all of its ${least} entries`)
  return { state: assemble(entries), torn, damage }
}

/** Skips entries of kinds that only later versions know. */
function assemble(entries: ReadonlyMap<string, unknown>): SavedState {
  const all = [...entries].flatMap(([key, raw]) => decodeEntry(key, raw) ?? [])
  const daemon = all.find((entry) => entry.kind === 'daemon')?.value
  if (daemon === undefined) throw new Unreadable('it does not tell whose state it is')
  const attachments = Map.groupBy(
    all.flatMap((entry) => (entry.kind === 'attachment' ? [entry.value] : [])),
    ({ instance }) => instance,
  )
  const instances = all.flatMap((entry) => (entry.kind === 'instance' ? [entry.value] : []))
  const programs = all.find((entry) => entry.kind === 'programs')?.value
  return {
    ...daemon,
    ...(programs === undefined ? {} : { programs }),
    instances: instances.map((one): InstanceState => {
      const its = attachments.get(one.id) ?? []
      return { ...one, attachments: its.map(({ instance: _, ...own }): AttachmentState => own) }
    }),
    pending: all.flatMap((entry) => (entry.kind === 'pending' ? entry.value : [])),
    ...numbersOf(all),
  }
}

type Present = {
  [K in StateKind]: { readonly kind: K; readonly id: string; readonly value: Value<K> }
}[StateKind]

function decodeEntry(key: string, raw: unknown): Present | null {
  const [kind = '', ...rest] = key.split(' ')
  if (!Object.hasOwn(kinds, kind)) return null
  const schema: z.ZodType = kinds[kind as StateKind]
  return { kind, id: rest.join(' '), value: decode(key, schema, raw) } as Present
}

/** The number ranges in the text, the earliest freed numbers first. */
function numbersOf(all: readonly Present[]): Pick<SavedState, 'numbers'> {
  const range = (name: NumberRange): KeptNumbers | null => {
    const next = all.find(({ kind, id }) => kind === 'next' && id === name)?.value as number | undefined
    if (next === undefined) return null
    const freed = all.flatMap((one) =>
      one.kind === 'freed' && one.id.startsWith(`${name} `) ? [one.value] : [],
    )
    return { next, freed: freed.sort((a, b) => a.at - b.at) }
  }
  const [labels, vnis, rds] = [range('labels'), range('vnis'), range('rds')]
  return labels === null || vnis === null || rds === null ? {} : { numbers: { labels, vnis, rds } }
}

function decode<T>(what: string, schema: z.ZodType<T>, raw: unknown): T {
  const read = schema.safeDecode(raw as never)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw new Unreadable(`${[what, ...path].join('.')}: ${message}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Unreadable(`it is no JSON: ${(error as Error).message}`)
  }
}

function header(line: string): Readonly<Record<string, unknown>> {
  try {
    return { ...JSON.parse(line) }
  } catch {
    return {}
  }
}
