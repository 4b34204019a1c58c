import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  LINK_KINDS,
  type LinkEntry,
  linkDefinition,
  masterOf,
  PORT_KINDS,
  type PortEntry,
  portDefinition,
  same,
  TABLE_KINDS,
  type TableEntry,
} from '../../src/dataplane/kinds/index.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { anyEntry, fieldsOf } from './any-entry.ts'

const ALIAS = 'chanter:net1'

describe.each(TABLE_KINDS)('%s', (kind) => {
  test('is held by a kernel in memory until it is removed, and dumped', () => {
    fc.assert(
      fc.property(anyEntry(kind) as fc.Arbitrary<TableEntry>, (entry) => {
        const driver = driverFor(entry)
        expect(driver.set([entry])).toEqual(new Map())
        expect(driver.holds(entry)).toBe(true)
        expect(dumped(driver, entry)).toHaveLength(1)
        expect(driver.remove([entry])).toEqual(new Map())
        expect(driver.holds(entry)).toBe(false)
        expect(dumped(driver, entry)).toEqual([])
      }),
      { numRuns: 30 },
    )
  })
})

const ofInterfaces = TABLE_KINDS.filter((kind) => fieldsOf(kind)['device']!.type.is === 'name')

test.each(ofInterfaces)('an interface that is renamed keeps its entries: %s', (kind) => {
  fc.assert(
    fc.property(anyEntry(kind) as fc.Arbitrary<TableEntry>, (entry) => {
      const driver = driverFor(entry)
      driver.set([entry])
      expect(driver.rename(entry.device, 'renamed')).toBe(true)
      const renamed = { ...entry, device: 'renamed' } as TableEntry
      expect(driver.holds(renamed)).toBe(true)
      expect(driver.remove([renamed])).toEqual(new Map())
      expect(driver.holds(renamed)).toBe(false)
    }),
    { numRuns: 30 },
  )
})

describe.each(LINK_KINDS)('%s', (kind) => {
  const { otherEnd } = linkDefinition(kind)
  const anyLink = (anyEntry(kind) as fc.Arbitrary<LinkEntry>)
    .filter((entry) => otherEnd?.(entry) !== entry.device)
    .map((entry): LinkEntry => ({ ...entry, alias: ALIAS }))

  test('is made by a kernel in memory, as it is wanted', () => {
    fc.assert(
      fc.property(anyLink, (entry) => {
        const driver = emptyDriver()
        expect(driver.setDevice(entry)).toBe(null)
        driver.setUp(entry.device)
        expect(driver.holds(entry)).toBe(true)
        expect(driver.removeDevice(entry)).toBe(null)
        expect(driver.link(entry.device)).toBe(undefined)
      }),
      { numRuns: 30 },
    )
  })
})

describe.each(PORT_KINDS)('%s', (kind) => {
  const anyPort = (anyEntry(kind) as fc.Arbitrary<PortEntry>).filter(
    (entry) => masterOf(entry) !== entry.device,
  )

  test('is enslaved by a kernel in memory, as it is wanted', () => {
    fc.assert(
      fc.property(anyPort, (entry) => {
        const driver = emptyDriver()
        driver.kernel.addLink(entry.device)
        driver.kernel.addLink(masterOf(entry), { kind: portDefinition(kind).masterKind, alias: ALIAS })
        expect(driver.setDevice(entry)).toBe(null)
        expect(driver.holds(entry)).toBe(true)
        expect(driver.removeDevice(entry)).toBe(null)
        expect(driver.link(entry.device)?.master).toBe(null)
      }),
      { numRuns: 30 },
    )
  })
})

function emptyDriver(): MemoryDriver {
  return new MemoryDriver(new VirtualClock())
}

/** With the interfaces of an entry: its own is a port of a bridge, and has its routing table. */
function driverFor(entry: TableEntry): MemoryDriver {
  const driver = emptyDriver()
  const { kernel } = driver
  kernel.addLink('master', { kind: 'bridge', table: 1 })
  const isTunnelled = entry.kind === 'remote-mac'
  const table = 'table' in entry ? { table: entry.table } : {}
  kernel.addLink(entry.device, { kind: isTunnelled ? 'vxlan' : null, master: 'master', up: true, ...table })
  for (const { device } of 'hops' in entry ? entry.hops : [])
    if (!kernel.links.has(device)) kernel.addLink(device, { up: true })
  return driver
}

function dumped(driver: MemoryDriver, wanted: TableEntry) {
  return [...driver.dump(wanted.device)].flat().filter(({ entry }) => same(entry, wanted))
}
