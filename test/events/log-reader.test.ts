import { globSync, readFileSync } from 'node:fs'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { type DaemonEvent, EventBus } from '../../src/events/event.ts'
import { LogReader } from '../../src/events/log-reader.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

type Line = Record<string, unknown> & { msg: string; level: number }

let clock: VirtualClock
let bus: EventBus
let lines: Line[]

function logAt(level: 'debug' | 'info'): void {
  lines = []
  const log = pino({ level, base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  bus = new EventBus()
  bus.read(new LogReader(log, clock).read)
}

beforeEach(() => {
  clock = new VirtualClock()
  clock.advance(5000)
  logAt('info')
})

const quarantined = (peer: string): DaemonEvent => ({
  type: 'nlri-quarantined',
  peer,
  family: 'l2vpn/evpn',
  reason: 'length',
  routes: 1,
})
const REFUSED: DaemonEvent = {
  type: 'entry-failed',
  op: 'set',
  kind: 'remote-mac',
  device: 'vx0',
  entry: 'remote-mac 02:00:00:00:00:01 on vx0',
  reason: 'ENOMEM',
  code: 'KERNEL_REFUSED',
}
const drift = (count: number): DaemonEvent => ({
  type: 'entries-drifted',
  device: 'br1',
  count,
  entry: 'route 10.0.0.0/24',
  recurring: 0,
})

test('an event is one line, with the part, the fields of the event and the message', () => {
  bus.emit({ type: 'attached', instance: 'net1', port: 'tap1', mac: '02:00:00:00:01:01' })
  const { time: _, ...line } = lines[0]!
  expect(line).toEqual({
    level: 30,
    part: 'vpn',
    instance: 'net1',
    port: 'tap1',
    mac: '02:00:00:00:01:01',
    msg: 'attached',
  })
  expect(lines).toHaveLength(1)
})

test('a session that is lost is a warning, one that an operator ends is not', () => {
  const changed = { type: 'session-changed', peer: '192.0.2.1', direction: 'outgoing' } as const
  const ended = { ...changed, from: 'Established', to: 'Idle', reason: 'hold timer expired' }
  bus.emit({ ...ended, lost: true })
  bus.emit({ ...ended, lost: false })
  expect(lines.map(({ level }) => level)).toEqual([40, 30])
})

test('a peer that makes us log many lines of a type is limited, alone', () => {
  for (let i = 0; i < 15; i++) bus.emit(quarantined('192.0.2.1'))
  bus.emit(quarantined('192.0.2.2'))
  expect(lines).toHaveLength(11)
  clock.advance(1000)
  bus.emit(quarantined('192.0.2.1'))
  expect(lines.at(-1)).toMatchObject({ peer: '192.0.2.1', suppressed: 5 })
})

test('connections from strangers fill no log', () => {
  for (let i = 0; i < 5000; i++) bus.emit({ type: 'connection-refused', address: `2001:db8::${i}` })
  expect(lines).toHaveLength(10)
})

test('an entry that is refused beyond the limit is for debugging', () => {
  logAt('debug')
  for (let i = 0; i < 12; i++) bus.emit(REFUSED)
  expect(lines.map(({ level }) => level)).toEqual([...Array(10).fill(40), 20, 20])
})

test('drift is one line a minute, with all that there was', () => {
  bus.emit(drift(5))
  bus.emit(drift(6))
  bus.emit(drift(7))
  expect(lines).toMatchObject([{ level: 40, count: 5 }])
  clock.advance(60_000)
  expect(lines).toMatchObject([{ count: 5 }, { count: 13 }])
})

test('events that are only counted are not logged', () => {
  logAt('debug')
  bus.emit({ type: 'entries-programmed', kinds: { route: 3 } })
  bus.emit({ type: 'api-request', method: 'GET', route: '/ping', status: 200, seconds: 0.001 })
  expect(lines).toEqual([])
})

test('an event that holds a sentence is logged as that, and the sentence is no field', () => {
  bus.emit({ type: 'config-warning', reason: 'bgp.conf line 4: unknown option' })
  bus.emit({ type: 'capabilities-missing', missing: ['CAP_BPF'], reason: 'without CAP_BPF …' })
  const shown = lines.map(({ time: _, ...line }) => line)
  expect(shown).toEqual([
    { level: 40, part: 'config', msg: 'bgp.conf line 4: unknown option' },
    { level: 50, part: 'daemon', missing: ['CAP_BPF'], msg: 'without CAP_BPF …' },
  ])
})

/** Calls of the log, and why each is none of an event. */
const CALLS = {
  'src/cli/until-signal.ts log.fatal(': 'the process ends at once: a reader of events may be what failed',
  'src/events/log-reader.ts log[': 'the reader',
}

test('nothing but the reader of events makes lines of what happens', () => {
  const files = globSync('src/**/*.ts')
  expect(files.length).toBeGreaterThan(300)
  const calls = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\blog(ger)?(\.(trace|debug|info|warn|error|fatal)\(|\[)/g)].map(
      ([call]) => `${file} ${call}`,
    ),
  )
  expect(calls.sort()).toEqual(Object.keys(CALLS))
})
