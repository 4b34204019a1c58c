import { describe, expect, test } from 'vitest'
import { notification, SessionError } from '../../src/bgp/errors.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { transition } from '../../src/bgp/session/fsm/index.ts'
import { type FsmEvent, type SessionState, STATES } from '../../src/bgp/session/fsm/types.ts'

const CEASE = notification(6, 2)
const open = { version: 4, as: 64512, holdTimeSeconds: 90, identifier: 1, capabilities: noCapabilities() }

/** Every event, by the name of the columns below. */
const EVENTS = {
  start: { type: 'start' },
  stop: { type: 'stop', notification: CEASE },
  'retry timer': { type: 'connect-retry-expired' },
  'hold timer': { type: 'hold-expired' },
  'keepalive timer': { type: 'keepalive-expired' },
  'idle hold timer': { type: 'idle-hold-expired' },
  'send hold timer': { type: 'send-hold-expired' },
  connected: { type: 'connected' },
  'connection fails': { type: 'connection-failed', reason: 'ECONNREFUSED' },
  'good OPEN': { type: 'open', open, refusal: null, holdTimeSeconds: 90 },
  'bad OPEN': { type: 'open', open, refusal: new SessionError('AS', 2, 2), holdTimeSeconds: 90 },
  'bad message': { type: 'message-error', error: new SessionError('marker', 1, 1) },
  collision: { type: 'collision' },
  'version NOTIFICATION': { type: 'notification', notification: notification(2, 1) },
  NOTIFICATION: { type: 'notification', notification: notification(6, 4) },
  KEEPALIVE: { type: 'keepalive' },
  UPDATE: { type: 'update' },
  'ROUTE-REFRESH': { type: 'route-refresh' },
} as const satisfies Record<string, FsmEvent>

type EventName = keyof typeof EVENTS

/**
 * RFC 4271 §8.2.2, one row an event: the next state, and behind `!` the NOTIFICATION that leaves. FSM errors carry the
 * subcodes of RFC 6608 §3. DelayOpen (events 12 and 20) is not implemented.
 */
const TABLE: Readonly<Record<EventName, Readonly<Record<SessionState, string>>>> = {
  start: row('Connect', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'),
  stop: row('Idle', 'Idle', 'Idle', 'Idle!6/2', 'Idle!6/2', 'Idle!6/2'),
  'retry timer': row('Idle', 'Connect', 'Connect', 'Idle!5/1', 'Idle!5/2', 'Idle!5/3'),
  'hold timer': row('Idle', 'Idle', 'Idle', 'Idle!4/0', 'Idle!4/0', 'Idle!4/0'),
  'keepalive timer': row('Idle', 'Idle', 'Idle', 'Idle!5/1', 'OpenConfirm', 'Established'),
  'idle hold timer': row('Connect', 'Idle', 'Idle', 'Idle!5/1', 'Idle!5/2', 'Idle!5/3'),
  'send hold timer': row('Idle', 'Idle', 'Idle', 'Idle!8/0', 'Idle!8/0', 'Idle!8/0'),
  connected: row('Idle', 'OpenSent', 'OpenSent', 'OpenSent', 'OpenConfirm', 'Established'),
  'connection fails': row('Idle', 'Idle', 'Idle', 'Active', 'Idle', 'Idle'),
  'good OPEN': row('Idle', 'Idle', 'Idle', 'OpenConfirm', 'Idle!5/2', 'Idle!5/3'),
  'bad OPEN': row('Idle', 'Idle', 'Idle', 'Idle!2/2', 'Idle!5/2', 'Idle!5/3'),
  'bad message': row('Idle', 'Idle!1/1', 'Idle!1/1', 'Idle!1/1', 'Idle!1/1', 'Idle!1/1'),
  collision: row('Idle', 'Idle', 'Idle', 'Idle!6/7', 'Idle!6/7', 'Idle!6/7'),
  'version NOTIFICATION': row('Idle', 'Idle', 'Idle', 'Idle', 'Idle', 'Idle'),
  NOTIFICATION: row('Idle', 'Idle', 'Idle', 'Idle', 'Idle', 'Idle'),
  KEEPALIVE: row('Idle', 'Idle', 'Idle', 'Idle!5/1', 'Established', 'Established'),
  UPDATE: row('Idle', 'Idle', 'Idle', 'Idle!5/1', 'Idle!5/2', 'Established'),
  'ROUTE-REFRESH': row('Idle', 'Idle', 'Idle', 'Idle!5/1', 'Idle!5/2', 'Established'),
}

function row(...outcomes: readonly string[]): Record<SessionState, string> {
  return Object.fromEntries(STATES.map((state, i) => [state, outcomes[i]!])) as Record<SessionState, string>
}

const cells = (Object.keys(TABLE) as EventName[]).flatMap((event) =>
  STATES.map((state) => [state, event, TABLE[event][state]] as const),
)

/** RFC 4271 §8.1, events 1 to 28 in this order: their rows, or why there is none. */
const RFC_EVENTS: readonly (readonly EventName[] | string)[] = [
  ['start'],
  ['stop'],
  ['start'],
  ['start'],
  ['start'],
  ['start', 'idle hold timer'],
  ['start', 'idle hold timer'],
  ['stop'],
  ['retry timer'],
  ['hold timer'],
  ['keepalive timer'],
  'DelayOpen is optional and not implemented',
  ['idle hold timer'],
  'tracking TCP states is optional: only connections that stand count',
  'connections of strangers are refused before there is a session',
  ['connected'],
  ['connected'],
  ['connection fails'],
  ['good OPEN'],
  'DelayOpen is optional and not implemented',
  ['bad message'],
  ['bad OPEN', 'bad message'],
  ['collision'],
  ['version NOTIFICATION'],
  ['NOTIFICATION'],
  ['KEEPALIVE'],
  ['UPDATE'],
  ['bad message'],
]

describe('the table', () => {
  test('has each of the 28 events of RFC 4271 §8.1, or the reason why not', () => {
    expect(RFC_EVENTS).toHaveLength(28)
    const reported = new Set(RFC_EVENTS.flatMap((rows) => (typeof rows === 'string' ? [] : rows)))
    const others = (Object.keys(EVENTS) as EventName[]).filter((name) => !reported.has(name))
    expect(others, 'RFC 9687 and RFC 2918').toEqual(['send hold timer', 'ROUTE-REFRESH'])
  })

  test('has every event that there is, in every state', () => {
    type Missing = Exclude<FsmEvent['type'], (typeof EVENTS)[EventName]['type']>
    const none: [Missing] extends [never] ? true : Missing = true
    expect(none).toBe(true)
    expect(cells).toHaveLength(Object.keys(EVENTS).length * STATES.length)
    for (const [state, event, outcome] of cells) expect(outcome, `${event} in ${state}`).toBeDefined()
  })

  test.each(cells)('%s, %s is the same for a passive session, but for the start', (state, event) => {
    const [active, passive] = [false, true].map((waits) =>
      transition(state, EVENTS[event], { passive: waits }),
    )
    const starts = state === 'Idle' && (event === 'start' || event === 'idle hold timer')
    expect(passive).toEqual(
      starts ? { state: 'Active', actions: [], reason: 'waiting for the peer' } : active,
    )
  })
})

describe('RFC 4271 §8.2.2', () => {
  test.each(cells)('%s, %s: %s', (state, event, expected) => {
    const step = transition(state, EVENTS[event], { passive: false })
    const sent = step.actions.find((action) => action.do === 'send-notification')
    const reported = sent === undefined ? '' : `!${sent.notification.code}/${sent.notification.subcode}`
    expect(step.state + reported).toBe(expected)
  })

  test.each(
    cells.filter(([state, , outcome]) => outcome.startsWith('Idle') && !['Idle', 'Connect'].includes(state)),
  )('%s, %s: the connection does not outlive the state', (state, event) =>
    expect(transition(state, EVENTS[event], { passive: false }).actions).toContainEqual({ do: 'close' }),
  )

  test.each(cells.filter(([, event, outcome]) => outcome.startsWith('Idle') && event !== 'stop'))(
    '%s, %s: tries again unless it was idle already',
    (state, event) => {
      const retries = transition(state, EVENTS[event], { passive: false }).actions.some(
        (action) => action.do === 'back-off',
      )
      expect(retries).toBe(state !== 'Idle')
    },
  )

  test.each(STATES)('%s: being stopped is final', (state) => {
    expect(transition(state, EVENTS.stop, { passive: false }).actions).not.toContainEqual(
      expect.objectContaining({ do: 'back-off' }),
    )
  })

  test('a passive start waits for the peer', () => {
    expect(transition('Idle', EVENTS.start, { passive: true })).toMatchObject({
      state: 'Active',
      actions: [],
    })
  })

  test('the negotiated hold time decides both timers; zero turns them off (§4.4)', () => {
    const withHold = (holdTimeSeconds: number) =>
      transition('OpenSent', { ...EVENTS['good OPEN'], holdTimeSeconds }, { passive: false }).actions
    expect(withHold(9)).toContainEqual({ do: 'arm', timer: 'hold', seconds: 9 })
    expect(withHold(9)).toContainEqual({ do: 'arm', timer: 'keepalive', seconds: 3 })
    expect(withHold(0)).toContainEqual({ do: 'arm', timer: 'hold', seconds: 0 })
    expect(withHold(0)).toContainEqual({ do: 'arm', timer: 'keepalive', seconds: 0 })
  })
})
