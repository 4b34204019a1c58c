import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
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
import { anyEntry } from './any-entry.ts'
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
      fc.property(any, (entry) => {
        expect(parseEntry(JSON.parse(JSON.stringify(formatEntry(entry))))).toEqual({ value: entry })
      }),
    )
  })

  test('is refused with the name of the field that is wrong', () => {
    fc.assert(
      fc.property(any, fc.constantFrom(undefined, -1), (entry, wrong) => {
        const reported = formatEntry(entry)
        for (const field of Object.keys(reported)) {
          if (wrong === undefined && (field === 'drift' || isLater(kind, field))) continue
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
  const { layout } = tableDefinition(kind)

  test('keeps all fields of an entry', () => {
    const { key, value, entry: whole } = layout()
    fc.assert(
      fc.property(any, (entry) => {
        expect(whole(entry.device, key(entry), value(entry))).toEqual(entry)
      }),
    )
  })

  test('distinguishes entries by their identity', () => {
    const { key } = layout()
    const similar = fc
      .tuple(any, any)
      .map(([a, b]) => [a, { ...b, ...pick(a, ['device', 'table']) }] as const)
    fc.assert(
      fc.property(
        fc.oneof(
          similar,
          any.map((a) => [a, { ...a }] as const),
        ),
        ([a, b]) => {
          expect(key(a) === key(b as TableEntry)).toBe(identity(a) === identity(b as TableEntry))
        },
      ),
    )
  })

  test('takes values for the same where the entries of one key are', () => {
    const { key, value, same: alike } = layout()
    fc.assert(
      fc.property(any, any, (a, b) => {
        const other = { ...b, ...pick(a, keyFields(kind)) } as TableEntry
        if (key(a) === key(other)) expect(alike(value(a), value(other))).toBe(same(a, other))
      }),
    )
  })
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

/** Whether earlier daemons did not write that field. */
function isLater(kind: string, field: string): boolean {
  const { fields } = definitions.find((definition) => definition.kind === kind)!
  return 'absent' in ((fields as unknown as Readonly<Record<string, object>>)[field] ?? {})
}

function pick(entry: Entry, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(entry).filter(([field]) => fields.includes(field)))
}

/** What makes up the key of an entry, and its device. */
function keyFields(kind: string): readonly string[] {
  const all = ['device', 'ip', 'prefix', 'prefixLength', 'label']
  if (kind === 'flood') return [...all, 'dst', 'vni', 'drift']
  return kind === 'local-mac' || kind === 'remote-mac' ? [...all, 'mac'] : all
}
