import { beforeEach, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { ipv6Disabled, type Refusal } from '../../src/dataplane/refusal.ts'
import { isIpv4 } from '../../src/values/address.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

let lab: MemoryLab
let dataplane: Reconciler
let tries: number
let isDisabled: boolean
const neighbours = Array.from({ length: 500 }, (_, i) => e.neighbour(`2001:db8::${i + 1}`, i + 1))

beforeEach(async () => {
  lab = memoryLab()
  lab.addInterface('tap1')
  dataplane = lab.restart()
  tries = 0
  isDisabled = true
  const { driver } = lab
  const set = driver.set.bind(driver)
  driver.set = (entries) => {
    const refused = new Map<number, Refusal>()
    const rest = entries.filter((entry, i) => {
      const isIpv6 = entry.kind === 'neighbour' && !isIpv4(entry.ip)
      tries += Number(isIpv6)
      if (isIpv6 && isDisabled) refused.set(i, ipv6Disabled)
      return !isIpv6 || !isDisabled
    })
    set(rest)
    return refused
  }
  for (const entry of [...e.network, e.neighbour('10.0.0.2', 2), ...neighbours]) dataplane.want(entry)
  lab.clock.advance(1000)
})

test('an unneeded entry is no failure, counts as not wanted, and is rarely tried', () => {
  expect(dataplane.statuses.counts()).toEqual({ wanted: 5, applied: 5, pending: 0, failed: 0 })
  expect([...dataplane.statuses.failures()]).toEqual([])
  expect([...dataplane.statuses.unneeded()]).toEqual([['br0', 500]])
  expect(dataplane.status(neighbours[7]!)).toMatchObject({ state: 'unneeded', code: 'IPV6_DISABLED' })
  expect(tries).toBe(500)
  lab.clock.advance(600_000)
  expect(tries).toBeLessThanOrEqual(510)
})

test('all of it is set when the device has use for it again', () => {
  isDisabled = false
  lab.clock.advance(61_000)
  for (const entry of neighbours) expect(lab.holds(entry)).toBe(true)
  expect(dataplane.statuses.counts()).toEqual({ wanted: 505, applied: 505, pending: 0, failed: 0 })
  expect(dataplane.statuses.unneeded().size).toBe(0)
})

test('though the one that is tried for all is not wanted any more', () => {
  dataplane.unwant(neighbours[0]!)
  lab.clock.advance(1000)
  expect([...dataplane.statuses.unneeded()]).toEqual([['br0', 499]])
  isDisabled = false
  lab.clock.advance(61_000)
  for (const entry of neighbours.slice(1)) expect(lab.holds(entry)).toBe(true)
})
