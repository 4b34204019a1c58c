import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../../src/dataplane/kinds/field.ts'
import {
  definitions,
  formatEntry,
  identity,
  isTableEntry,
  KINDS,
  parseEntry,
  same,
  TABLE_KINDS,
  type TableEntry,
  tableDefinition,
} from '../../src/dataplane/kinds/index.ts'
import type { Entry, Status } from '../../src/dataplane/model.ts'
import { pack, packStatuses, unpack, unpackStatuses } from '../../src/dataplane/thread/packing.ts'
import { anyEntry, anyObserved, fieldsOf } from './any-entry.ts'
import * as e from './entries.ts'

describe('identity', () => {
  test.each<[Entry, string]>([
    [e.bridge, 'link br0'],
    [e.vxlan, 'link vx0'],
    [e.tapPort, 'port tap1'],
    [e.local(1), 'local-mac 02:00:00:00:00:01 on tap1'],
    [e.remote(1), 'remote-mac 02:00:00:00:00:01 on vx0'],
    [e.flood('192.0.2.2', 7), 'flood to 192.0.2.2 vni 7 on vx0'],
    [e.neighbour('2001:db8::1', 1), 'neighbour 2001:db8::1 on br0'],
  ])('%#: %s', (entry, text) => {
    expect(identity(entry)).toBe(text)
  })

  test.each<[string, Entry, Entry]>([
    ['another destination', e.remote(1), e.remote(1, '192.0.2.9', 5)],
    ['another MAC', e.neighbour('10.0.0.1', 1), e.neighbour('10.0.0.1', 2)],
    ['another kind of link', e.bridge, { ...e.vxlan, device: 'br0' }],
    ['other options', e.tapPort, { ...e.tapPort, bridge: 'br9', learning: false }],
  ])('stays with %s', (_what, a, b) => {
    expect(identity(a)).toBe(identity(b))
    expect(same(a, b)).toBe(false)
  })
})

test('entries are the same when each field is', () => {
  expect(same(e.remote(1), e.remote(1))).toBe(true)
  expect(same(e.remote(1), e.remote(2))).toBe(false)
  expect(same(e.local(1), e.remote(1))).toBe(false)
})

test('links come before ports, ports before what is behind them', () => {
  const roles = definitions.map(({ role }) => role)
  expect(roles).toEqual(roles.toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)))
  expect(new Set(KINDS).size).toBe(KINDS.length)
})

const ORDER = ['link', 'port', 'table']

describe.each(KINDS)('%s', (kind) => {
  const any = anyEntry(kind)

  test('comes out of JSON as it went into it', () => {
    fc.assert(
      fc.property(anyObserved(kind), (entry) => {
        expect(parseEntry(JSON.parse(JSON.stringify(formatEntry(entry))))).toEqual({ value: entry })
      }),
    )
  })

  test('is refused with the name of the field that is wrong', () => {
    fc.assert(
      fc.property(any, fc.constantFrom(undefined, -1), (entry, wrong) => {
        const reported = formatEntry(entry)
        for (const field of Object.keys(reported)) {
          if (wrong === undefined && mayBeAbsent(fieldsOf(kind)[field])) continue
          expect(parseEntry({ ...reported, [field]: wrong })).toMatchObject({ field })
        }
      }),
    )
  })

  test('is the same as a copy of it', () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(same(a, structuredClone(a))).toBe(true)
        expect(same(a, b)).toBe(JSON.stringify(formatEntry(a)) === JSON.stringify(formatEntry(b)))
      }),
    )
  })
})

describe.each(TABLE_KINDS)('a table of %s', (kind) => {
  const any = anyEntry(kind) as fc.Arbitrary<TableEntry>
  /** Two of one table that differ in any of their fields, or in none. */
  const similar = fc
    .tuple(any, any, fc.subarray(Object.keys(fieldsOf(kind))))
    .map(([a, b, equal]) => [a, { ...b, ...pick(a, ['device', 'table', ...equal]) } as TableEntry] as const)
  const { layout } = tableDefinition(kind)

  test('keeps all fields of an entry', () => {
    const { key, value, entry: whole } = layout()
    fc.assert(
      fc.property(anyObserved(kind) as fc.Arbitrary<TableEntry>, (entry) => {
        expect(value(entry)).toBeDefined()
        expect(whole(entry.device, key(entry), value(entry))).toEqual(entry)
      }),
    )
  })

  test('distinguishes entries by their identity', () => {
    const { key } = layout()
    fc.assert(
      fc.property(similar, ([a, b]) => {
        expect(key(a) === key(b)).toBe(identity(a) === identity(b))
      }),
    )
  })

  test('takes values for the same where the entries of one key are', () => {
    const { key, value, same: alike } = layout()
    fc.assert(
      fc.property(similar, ([a, b]) => {
        if (key(a) === key(b)) expect(alike(value(a), value(b))).toBe(same(a, b))
      }),
    )
  })
})

test('an observed entry of a flood list is another one for its drift, except for the flags, which are of the whole list', () => {
  const { key, value, same: alike } = tableDefinition('flood').layout()
  const wanted = e.flood('192.0.2.2', 7)
  const elsewhere = { ...wanted, drift: { port: 8472 } }
  const unmarked = { ...wanted, drift: { flags: 0 } }
  expect(key(elsewhere)).not.toBe(key(wanted))
  expect(identity(elsewhere)).not.toBe(identity(wanted))
  expect(key(unmarked)).toBe(key(wanted))
  expect(alike(value(unmarked), value(wanted))).toBe(false)
})

test('entries come out of a message as they went into it, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...KINDS).chain(anyEntry)), (entries) => {
      expect([...unpack(sent(pack(entries)))]).toEqual(entries)
    }),
    { numRuns: 500 },
  )
})

test('each entry of a message keeps its state', () => {
  const states = ['programmed', 'pending', 'failed'].map((state) => ({ state }) as Status)
  const item = fc.record({
    entry: fc.constantFrom(...KINDS).chain(anyEntry),
    status: fc.constantFrom(...states),
  })
  fc.assert(
    fc.property(fc.array(item), (items) => {
      expect([...unpackStatuses(structuredClone(packStatuses(items)))]).toEqual(items)
    }),
  )
})

test('no two entries of different kinds are one, but for links and for ports', () => {
  const entries = fc.tuple(
    fc.constantFrom(...KINDS).chain(anyEntry),
    fc.constantFrom(...KINDS).chain(anyEntry),
  )
  fc.assert(
    fc.property(entries, ([a, b]) => {
      if (a.kind !== b.kind && (isTableEntry(a) || isTableEntry(b))) expect(identity(a)).not.toBe(identity(b))
    }),
  )
})

test('a prefix is not longer than an address', () => {
  const unreachable = { kind: 'unreachable', device: 'bvrf-1', table: 1, prefix: '2001:db8::' }
  expect(parseEntry({ ...unreachable, prefixLength: 128 })).toHaveProperty('value')
  const refused = { field: 'prefixLength', expected: 'a whole number from 0 to 128' }
  expect(parseEntry({ ...unreachable, prefixLength: 129 })).toEqual(refused)
})

test('an unknown kind is refused, whatever it is called', () => {
  for (const kind of ['nothing', 'constructor', '__proto__', undefined])
    expect(parseEntry({ kind, device: 'br0' })).toMatchObject({ field: 'kind' })
})

/** As another thread gets it. */
function sent<T>(message: T): T {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(message)
  const received = receiveMessageOnPort(port2)?.message
  port1.close()
  return received
}

function mayBeAbsent({ isOptional, absent }: Partial<Field<unknown>> = {}): boolean {
  return isOptional === true || absent !== undefined
}

function pick(entry: Entry, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(entry).filter(([field]) => fields.includes(field)))
}
