import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ReloadReport } from '../../src/api/reload.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { Config } from '../../src/config/config.ts'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { Reloader } from '../../src/daemon/reload.ts'
import { newSpeaker } from '../../src/daemon/speaker.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import type { InputEvent } from '../../src/record/recording.ts'
import { temporaryFiles } from '../support/files.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '127.0.0.1'
const [A, B, C] = ['127.0.0.11', '127.0.0.12', '127.0.0.13'] as const
const BASE = { local_address: US, my_as: '64512', peers: `${A},${B}` }

type Sections = Readonly<Record<string, Readonly<Record<string, string>>>>

let clock: VirtualClock
let events: DaemonEvent[]
let recorded: InputEvent[]
let speaker: Speaker
let reloader: Reloader
let logs: Config['log'][]
let resyncs: number[]
let logFailure: Error | null
let text: string
let speakers: ReadonlyMap<string, Speaker>
/** Starts a speaker that connects to us. */
let connect: (address: string) => Speaker
const mobility = { moves: 5, windowSeconds: 180, recoverySeconds: 1800 }

/** What the file holds from now on. */
function write(BGP: Readonly<Record<string, string>>, sections: Sections = {}): void {
  const all: Sections = { BGP: { ...BASE, ...BGP }, ...sections }
  text = Object.entries(all)
    .flatMap(([section, options]) => [
      `[${section}]`,
      ...Object.entries(options).map((pair) => pair.join(' = ')),
    ])
    .join('\n')
}

beforeEach(() => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  events = []
  recorded = []
  logs = []
  resyncs = []
  logFailure = null
  write({})
  const load = () => interpret(parseIni(text, 'bgp.conf'))
  const loaded = load()
  const sink = { emit: (event: DaemonEvent) => void events.push(event) }
  const environment = { clock, random: () => 0.5, transport: network.transport, events: sink }
  speaker = newSpeaker(loaded.config, null, environment, () => {})
  void speaker.start()
  speakers = new Map(
    [A, B, C].map((address) => [
      address,
      speakerAt(address, [peerConfig(US, { passive: true })], clock, network),
    ]),
  )
  connect = (address) => speakerAt(address, [peerConfig(US)], clock, network, { listenPort: null })
  clock.advance(5000)
  Object.assign(mobility, loaded.config.evpn.mobility)
  reloader = new Reloader({
    loaded,
    load,
    speaker,
    mobility,
    forwarding: { setResync: (ms) => void resyncs.push(ms) },
    logs: {
      async configure(options) {
        if (logFailure !== null) throw logFailure
        logs.push(options as Config['log'])
      },
    },
    events: sink,
    recording: { write: (event) => void recorded.push(event) },
  })
  events = []
})

const peer = (address: string) => speaker.peers.get(ip(address))
const states = () =>
  [...speaker.peers.values()].map(
    ({ sessions }) => `${sessions.name} ${sessions.state} ${sessions.establishedCount}`,
  )

async function reload(dryRun = false): Promise<ReloadReport> {
  const outcome = await reloader.reload({ dryRun })
  clock.advance(5000)
  if ('findings' in outcome) throw new Error(outcome.findings.join('\n'))
  return outcome.report
}

const NOTHING = { dry_run: false, peers: [], options: [], warnings: [] }
const told = (...types: readonly string[]) => events.filter(({ type }) => types.includes(type))

test('a file that is the same changes nothing', async () => {
  expect(await reload()).toEqual(NOTHING)
  expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`])
  expect(told('option-changed', 'option-needs-restart', 'peer-changed')).toEqual([])
})

test('peers are added, removed and changed; the sessions of others go on', async () => {
  write({ peers: `${B},${C}` }, { [`BGP_PEER:${B}`]: { max_prefixes: '1000' } })
  expect((await reload()).peers).toEqual([
    { peer: A, change: 'removed', resets_session: false, options: [] },
    {
      peer: B,
      change: 'changed',
      resets_session: false,
      options: [{ option: 'max_prefixes', before: null, after: 1000 }],
    },
    { peer: C, change: 'added', resets_session: false, options: [] },
  ])
  expect(states()).toEqual([`${B} Established 1`, `${C} Established 1`])
  expect(speaker.convergence.awaited()).toEqual([])
})

test('an option of all peers in [BGP] changes each of them', async () => {
  write({ hold_time: '30' })
  const { peers, options } = await reload()
  const option = { option: 'hold_time', before: 90, after: 30 }
  expect(peers).toEqual(
    [A, B].map((one) => ({ peer: one, change: 'changed', resets_session: true, options: [option] })),
  )
  expect(options).toEqual([{ section: 'BGP', ...option, needs_restart: false }])
  expect(states()).toEqual([`${A} Established 2`, `${B} Established 2`])
})

test('a dry run changes nothing, and the reload after it reports the same', async () => {
  write({ peers: A, headless_time: '60' }, { DEFAULT: { debug: 'true' } })
  const report = await reload(true)
  expect(report.dry_run).toBe(true)
  expect(report.peers).toMatchObject([{ peer: B, change: 'removed' }])
  expect([states(), events, logs, recorded]).toEqual([
    [`${A} Established 1`, `${B} Established 1`],
    [],
    [],
    [],
  ])
  expect(await reload()).toEqual({ ...report, dry_run: false })
  expect(states()).toEqual([`${A} Established 1`])
})

test('what needs a restart stays as it was, is told with both values, and is still told the next time', async () => {
  write({ my_as: '64513', local_address: 'lo', headless_time: '60' }, { API: { port: '8083' } })
  const { options, peers } = await reload()
  const restart = [
    { section: 'BGP', option: 'my_as', before: 64512, after: 64513, needs_restart: true },
    { section: 'API', option: 'port', before: 8082, after: 8083, needs_restart: true },
  ]
  expect(options).toEqual(expect.arrayContaining(restart))
  expect(peers).toEqual([])
  expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`])
  expect(told('option-needs-restart')).toContainEqual({
    type: 'option-needs-restart',
    option: '[BGP] my_as',
    before: 64512,
    after: 64513,
  })
  expect(reloader.config.bgp.asNumber).toBe(64512)
  expect((await reload()).options).toEqual(restart)
})

test('times, duplicate detection and the log change at once', async () => {
  write(
    { headless_time: '60', vanished_time: '1', graceful_restart_time: '0' },
    {
      DATAPLANE_DRIVER_EVPN: { mac_duplicate_moves: '9' },
      DEFAULT: { debug: 'true', resync_interval: '60' },
    },
  )
  const { options } = await reload()
  expect(
    options.map(({ section, option, needs_restart }) => `${section} ${option} ${needs_restart}`),
  ).toEqual([
    'BGP graceful_restart_time false',
    'BGP headless_time false',
    'BGP vanished_time false',
    'DATAPLANE_DRIVER_EVPN mac_duplicate_moves false',
    'DEFAULT debug false',
    'DEFAULT resync_interval false',
  ])
  expect(speaker.config).toMatchObject({ headlessSeconds: 60, vanishedSeconds: 1 })
  expect(mobility.moves).toBe(9)
  expect(resyncs).toEqual([60_000])
  expect(logs).toMatchObject([{ debug: true }])
  expect(recorded).toMatchObject([{ type: 'reload', times: { headlessSeconds: 60 }, mobility: { moves: 9 } }])
})

test.each([
  ['a typo', () => write({ peers: C, hold_time: 'x' }), /hold_time = "x"/],
  [
    'an unreadable line',
    () => {
      text = '[BGP\n'
    },
    /line 1: "\[BGP" cannot be read/,
  ],
  [
    'a log file that cannot be opened',
    () => {
      logFailure = new Error('EACCES')
    },
    /EACCES/,
  ],
])('%s changes nothing, and the log says why', async (_, spoil, why) => {
  write({ peers: C })
  spoil()
  const outcome = await reloader.reload({ dryRun: false })
  clock.advance(5000)
  expect(outcome).toEqual({ findings: [expect.stringMatching(why)] })
  expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`])
  expect(told('config-refused')).toEqual([{ type: 'config-refused', reason: expect.stringMatching(why) }])
  expect([told('config-reloaded'), told('reload-failed').length, recorded]).toEqual([[], 1, []])
  expect(reloader.problems).toEqual([
    expect.stringMatching(/^the last reload was refused, the configuration before it is in effect: /),
  ])
  logFailure = null
  write({})
  await reload()
  expect(reloader.problems).toEqual([])
})

test('every finding is told', async () => {
  write({ hold_time: 'x', bgp_port: '0' })
  expect(await reloader.reload({ dryRun: false })).toEqual({
    findings: [expect.stringContaining('hold_time'), expect.stringContaining('bgp_port')],
  })
  expect([told('config-refused').length, told('reload-failed').length]).toEqual([2, 1])
})

test('a key file is read again', async () => {
  const file = join(temporaryFiles({ key: 'one' }), 'key')
  write({}, { [`BGP_PEER:${B}`]: { md5_key_file: file } })
  await reload()
  writeFileSync(file, 'two')
  expect((await reload()).peers).toEqual([
    {
      peer: B,
      change: 'changed',
      resets_session: true,
      options: [{ option: 'md5_key_file', before: file, after: `${file}, with another key` }],
    },
  ])
  expect(peer(A)?.sessions.establishedCount).toBe(1)
  expect(await reload()).toEqual(NOTHING)
})

test('enabled = false ends a session, true begins it; a command of an operator stays in force', async () => {
  peer(B)?.disable('by an operator')
  write({}, { [`BGP_PEER:${A}`]: { enabled: 'false' } })
  await reload()
  expect(states()).toEqual([`${A} Idle 1`, `${B} Idle 1`])
  write({ peers: `${A},${B},${C}` }, { [`BGP_PEER:${C}`]: { enabled: 'false' } })
  await reload()
  expect(states()).toEqual([`${A} Established 2`, `${B} Idle 1`, `${C} Idle 0`])
})

describe('clients that connect from a prefix', () => {
  const PREFIX = '127.0.0.12/30'
  const RR = { reflector: 'true', peers: A }
  const options = (of: Readonly<Record<string, string>>) => ({ [`BGP_PEER:${PREFIX}`]: of })

  beforeEach(async () => {
    write({ ...RR, reflector_clients: PREFIX })
    const { peers } = await reload()
    expect(peers).toContainEqual({ peer: PREFIX, change: 'added', resets_session: false, options: [] })
    for (const address of [B, C]) speakers.get(address)!.stop('to begin anew')
    for (const address of [B, C]) connect(address)
    clock.advance(5000)
    expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`, `${C} Established 1`])
  })

  test('are dropped with the prefix, and no other session is', async () => {
    write(RR)
    const { peers } = await reload()
    expect(peers).toEqual([{ peer: PREFIX, change: 'removed', resets_session: false, options: [] }])
    clock.advance(60_000)
    expect(states()).toEqual([`${A} Established 1`])
    expect(recorded.at(-1)).toMatchObject({ type: 'reload', dynamicPeers: [] })
  })

  test('keep their sessions when the prefix becomes wider, or a limit changes', async () => {
    write({ ...RR, reflector_clients: '127.0.0.0/24' })
    expect((await reload()).peers).toEqual([
      { peer: PREFIX, change: 'removed', resets_session: false, options: [] },
      { peer: '127.0.0.0/24', change: 'added', resets_session: false, options: [] },
    ])
    write({ ...RR, reflector_clients: '127.0.0.0/24' }, { 'BGP_PEER:127.0.0.0/24': { max_prefixes: '9' } })
    expect((await reload()).peers).toMatchObject([{ peer: '127.0.0.0/24', resets_session: false }])
    expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`, `${C} Established 1`])
    expect(peer(B)?.sessions.config.maxPrefixes).toBe(9)
  })

  test('begin a session anew when an option of theirs asks for it; one that is disabled stays so', async () => {
    peer(C)?.disable('cable work')
    write({ ...RR, reflector_clients: PREFIX }, options({ hold_time: '30' }))
    expect((await reload()).peers).toEqual([
      {
        peer: PREFIX,
        change: 'changed',
        resets_session: true,
        options: [{ option: 'hold_time', before: 90, after: 30 }],
      },
    ])
    clock.advance(60_000)
    expect(peer(B)?.negotiated?.holdTimeSeconds).toBe(30)
    expect(peer(C)?.sessions.downReason).toBe('disabled: cable work')
    expect(peer(A)?.sessions.establishedCount).toBe(1)
  })

  test('are dropped by enabled = false', async () => {
    write({ ...RR, reflector_clients: PREFIX }, options({ enabled: 'false' }))
    await reload()
    clock.advance(60_000)
    expect(states()).toEqual([`${A} Established 1`])
  })
})

test('reflector itself needs a restart', async () => {
  write({ reflector: 'true' })
  expect((await reload()).options).toMatchObject([{ option: 'reflector', needs_restart: true }])
})

describe('access to the API', () => {
  const TOKEN = '0123456789abcdef0123'

  test('follows the token and the names; the port needs a restart', async () => {
    const directory = temporaryFiles({ token: TOKEN })
    const token_file = `${directory}/token`
    const API = { host: '0.0.0.0', port: '8083', token_file, allowed_hosts: 'node1.example' }
    write({}, { API })
    const { options } = await reload()
    expect(options.map(({ option, needs_restart }) => [option, needs_restart])).toEqual([
      ['host', true],
      ['port', true],
      ['token_file', false],
      ['allowed_hosts', false],
    ])
    expect(reloader.access.token).toBe(TOKEN)
    expect(reloader.access.hosts).toContain('node1.example')
    writeFileSync(token_file, TOKEN.toUpperCase())
    expect((await reload()).options).toContainEqual({
      section: 'API',
      option: 'token_file',
      before: token_file,
      after: `${token_file}, with other content`,
      needs_restart: false,
    })
    expect(reloader.access.token).toBe(TOKEN.toUpperCase())
  })

  test('stays as it was when a file cannot be used', async () => {
    const token_file = `${temporaryFiles({ token: TOKEN })}/token`
    write({}, { API: { token_file } })
    await reload()
    writeFileSync(token_file, 'short')
    expect(await reloader.reload({ dryRun: false })).toEqual({
      findings: [expect.stringContaining('holds a token that is too short')],
    })
    expect(reloader.access.token).toBe(TOKEN)
  })
})
