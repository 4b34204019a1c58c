import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { logged } from '../support/events.ts'
import { refusal } from '../support/refusal.ts'
import * as e from './entries.ts'
import { memoryLab } from './memory-lab.ts'

test('entries that the kernel refuses are warned of once each, and within bounds', async () => {
  const lab = memoryLab()
  lab.addInterface('tap1')
  const lines: { level: number; entry?: string; suppressed?: number }[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const { loop, driver, clock } = lab
  const dataplane = new Reconciler({ clock: loop, driver, events: logged(log, clock) })
  dataplane.start()
  driver.fail((op, entry) => op === 'set' && entry.kind === 'remote-mac', refusal('ENOMEM'), 1_000_000)
  for (const entry of [...e.network, e.remote(1)]) dataplane.want(entry)
  clock.advance(60_000)
  expect(lines).toMatchObject([
    { level: 40, op: 'set', entry: 'remote-mac 02:00:00:00:00:01 on vx0', reason: 'ENOMEM' },
  ])
  for (let i = 2; i < 5000; i++) dataplane.want(e.remote(i))
  clock.advance(1000)
  expect(lines.length).toBeLessThan(20)
  clock.advance(60_000)
  dataplane.want(e.remote(6000))
  clock.advance(100)
  expect(lines.at(-1)!.suppressed).toBeGreaterThan(4900)
  dataplane.stop()
})
