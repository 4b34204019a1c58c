import { expect, test } from 'vitest'
import { RecentLog } from '../src/recent-log.ts'

const TIME = '2026-11-29T12:00:00.000Z'

function write(log: RecentLog, fields: object, msg = 'entry refused'): void {
  log.write(JSON.stringify({ level: 'warn', time: TIME, ...fields, msg }))
}

test('a record is about what its fields name', () => {
  const log = new RecentLog()
  write(log, { part: 'dataplane', device: 'br1', instance: 'net1' })
  write(log, { part: 'bgp', peer: '192.0.2.1' }, 'session state')
  expect(log.newestFirst().map(({ message }) => message.split(' {')[0])).toEqual([
    'session state',
    'entry refused',
  ])
  expect(log.newestFirst(['device br1', 'instance net1'])).toEqual([
    {
      level: 'WARNING',
      time: Date.parse(TIME),
      name: 'chanter.dataplane',
      message: 'entry refused {"device":"br1","instance":"net1"}',
    },
  ])
  expect(log.newestFirst(['peer 192.0.2.2'])).toEqual([])
})

test('a busy subject takes nothing from a quiet one', () => {
  const log = new RecentLog()
  write(log, { peer: '192.0.2.1' })
  for (let i = 0; i < 1000; i++) write(log, { instance: 'net1', part: 'vpn' }, `record ${i}`)
  expect(log.newestFirst(['peer 192.0.2.1'])).toHaveLength(1)
  const busy = log.newestFirst(['instance net1'])
  expect([busy.length, busy[0]?.message]).toEqual([25, 'record 999 {"instance":"net1"}'])
  expect(log.newestFirst()).toHaveLength(100)
})

test('of many subjects the latest keep their records', () => {
  const log = new RecentLog()
  for (let i = 0; i < 5000; i++) {
    write(log, { instance: `net${i}` })
    write(log, { instance: 'net0' })
  }
  const withRecords = Array.from({ length: 5000 }, (_, i) => log.newestFirst([`instance net${i}`]).length)
  expect(withRecords.filter((count) => count > 0)).toHaveLength(1000)
  expect(withRecords[0]).toBe(25)
})

test('a message is short, whatever a request had in it', () => {
  const log = new RecentLog()
  write(log, { url: 'x'.repeat(100_000) })
  expect(log.newestFirst()[0]?.message).toHaveLength(1000)
})
