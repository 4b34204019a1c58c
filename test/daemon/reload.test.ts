import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
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
  for (const address of [A, B, C]) speakerAt(address, [peerConfig(US, { passive: true })], clock, network)
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
const reported = (...types: readonly string[]) => events.filter(({ type }) => types.includes(type))

test('a file that is the same changes nothing', async () => {
  expect(await reload()).toEqual(NOTHING)
  expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`])
  expect(reported('option-changed', 'option-needs-restart', 'peer-changed')).toEqual([])
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

test('what needs a restart stays as it was, is reported with both values, and is reported again the next time', async () => {
  write({ my_as: '64513', local_address: 'lo', headless_time: '60' }, { API: { port: '8083' } })
  const { options, peers } = await reload()
  const restart = [
    { section: 'BGP', option: 'my_as', before: 64512, after: 64513, needs_restart: true },
    { section: 'API', option: 'port', before: 8082, after: 8083, needs_restart: true },
  ]
  expect(options).toEqual(expect.arrayContaining(restart))
  expect(peers).toEqual([])
  expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`])
  expect(reported('option-needs-restart')).toContainEqual({
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
  expect(reported('config-refused')).toEqual([{ type: 'config-refused', reason: expect.stringMatching(why) }])
  expect([reported('config-reloaded'), recorded]).toEqual([[], []])
})

test('every finding is reported', async () => {
  write({ hold_time: 'x', bgp_port: '0' })
  expect(await reloader.reload({ dryRun: false })).toEqual({
    findings: [expect.stringContaining('hold_time'), expect.stringContaining('bgp_port')],
  })
  expect(reported('config-refused')).toHaveLength(2)
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

test('options of clients that connect from a prefix need a restart', async () => {
  write({ reflector: 'true', reflector_clients: '127.0.0.0/8' })
  const { options } = await reload()
  expect(options).toMatchObject([
    { option: 'reflector', needs_restart: true },
    { option: 'reflector_clients', needs_restart: true },
  ])
  expect(reloader.config.bgp.dynamicPeers).toEqual([])
})
