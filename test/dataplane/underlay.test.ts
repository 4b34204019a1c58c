import { expect, test, vi } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { Underlay } from '../../src/dataplane/engine/underlay.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import type { NextHop } from '../../src/dataplane/model.ts'
import type { Ip } from '../../src/values/address.ts'
import { ip } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const REMOTE = ip('10.77.0.13')
const COST_MS = 5
const nextHop: NextHop = { device: 'core0', via: ip('10.77.0.254'), labels: [] }

/** An underlay on a kernel that takes its time to answer. */
function slowUnderlay() {
  const virtual = new VirtualClock()
  let spent = 0
  const clock: Clock = {
    now: () => virtual.now() + spent,
    epoch: () => virtual.epoch(),
    after: (ms, task) => virtual.after(ms, task),
    soon: (task) => virtual.soon(task),
  }
  class SlowDriver extends MemoryDriver {
    asked = 0
    override nextHopTo(remote: Ip): NextHop | null {
      this.asked++
      spent += COST_MS
      return super.nextHopTo(remote)
    }
  }
  const driver = new SlowDriver(clock)
  return { virtual, driver, underlay: new Underlay(clock, driver) }
}

test('a hint is followed soon, however often was asked before', () => {
  const { virtual, driver, underlay } = slowUnderlay()
  const changed = vi.fn()
  underlay.watchNextHop(REMOTE, changed)
  virtual.advance(600_010)
  driver.kernel.setNextHop(REMOTE, nextHop)
  underlay.hint()
  virtual.advance(100)
  expect(changed.mock.calls).toEqual([[null], [nextHop]])
})

test('hints without end take a tenth of the time', () => {
  const { virtual, driver, underlay } = slowUnderlay()
  underlay.watchNextHop(REMOTE, () => {})
  driver.asked = 0
  for (let i = 0; i < 10_000; i++) {
    underlay.hint()
    virtual.advance(1)
  }
  expect(driver.asked * COST_MS).toBeGreaterThan(500)
  expect(driver.asked * COST_MS).toBeLessThan(1500)
})
