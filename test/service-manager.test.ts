import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Service, ServiceManager, sendDatagram } from '../src/service-manager.ts'
import { receiveDatagrams } from './support/datagram.ts'

const PID = 42
const WATCHED = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '60000000' }

let sent: string[]
let failures: string[]

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  failures = []
})
afterEach(() => void vi.useRealTimers())

function manager(environment: Readonly<Record<string, string>>, refuse: () => string | null = () => null) {
  const send = (_path: string, message: string) => {
    const code = refuse()
    if (code !== null) throw Object.assign(new Error(code), { code })
    sent.push(message)
  }
  return new ServiceManager({ environment, pid: PID, send, failed: (reason) => void failures.push(reason) })
}

const service = (changes: Partial<Service> = {}): Service => ({
  alive: async () => {},
  status: () => 'all well',
  ...changes,
})
const keepAlives = () => sent.filter((message) => message === 'WATCHDOG=1').length

test('without a manager nothing is sent, and no timer runs', () => {
  manager({ WATCHDOG_USEC: '1000' }).ready(service())
  expect([sent, vi.getTimerCount()]).toEqual([[], 0])
})

test('ready, reloading, ready, stopping', () => {
  const one = manager({ NOTIFY_SOCKET: '@x' })
  one.ready(service())
  one.reloading()
  one.reloaded()
  one.stopping()
  expect(sent).toEqual([
    'READY=1\nSTATUS=all well',
    expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
    'READY=1',
    'STOPPING=1\nSTATUS=stopping',
  ])
  expect(vi.getTimerCount()).toBe(0)
})

test('the status is sent when it changes', () => {
  let status = 'no session'
  manager({ NOTIFY_SOCKET: '@x' }).ready(service({ status: () => status }))
  vi.advanceTimersByTime(60_000)
  expect(sent).toHaveLength(1)
  status = '1 session'
  vi.advanceTimersByTime(60_000)
  expect(sent.slice(1)).toEqual(['STATUS=1 session'])
})

test('the watchdog gets three keep-alives in its period', async () => {
  manager(WATCHED).ready(service())
  await vi.advanceTimersByTimeAsync(60_000)
  expect(keepAlives()).toBe(3)
})

test.each([
  ['does not answer', () => new Promise(() => {})],
  ['fails', () => Promise.reject(new Error('the thread has ended'))],
])('it gets none while a loop %s, and again when it works', async (_, broken) => {
  let alive: Service['alive'] = broken
  let release = () => {}
  manager(WATCHED).ready(
    service({ alive: () => Promise.race([alive(), new Promise<void>((resolve) => (release = resolve))]) }),
  )
  await vi.advanceTimersByTimeAsync(120_000)
  expect(keepAlives()).toBe(0)
  alive = async () => {}
  release()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(keepAlives()).toBeGreaterThan(1)
})

test('a watchdog for another process is none of ours', async () => {
  manager({ ...WATCHED, WATCHDOG_PID: '1' }).ready(service())
  await vi.advanceTimersByTimeAsync(60_000)
  expect(keepAlives()).toBe(0)
})

test('messages wait, in order, while the socket is full', async () => {
  let isFull = true
  const one = manager({ NOTIFY_SOCKET: '@x' }, () => (isFull ? 'EAGAIN' : null))
  one.ready(service())
  one.reloading()
  expect(sent).toEqual([])
  isFull = false
  await vi.advanceTimersByTimeAsync(1000)
  expect(sent.map((message) => message.split('\n')[0])).toEqual(['READY=1', 'RELOADING=1'])
  expect(failures).toEqual([])
})

test('a missing manager is reported once', () => {
  const one = manager({ NOTIFY_SOCKET: '@x' }, () => 'ECONNREFUSED')
  one.ready(service())
  one.reloading()
  expect(failures).toEqual(['ECONNREFUSED'])
})

test('an abstract name is one of the abstract namespace', () => {
  const name = `@chanter-test-${process.pid}`
  const receiver = receiveDatagrams(name)
  sendDatagram(name, 'READY=1')
  expect(receiver.take()).toEqual(['READY=1'])
})
