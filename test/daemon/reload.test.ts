import { chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFiles } from '../support/files.ts'
import {
  A,
  B,
  C,
  clock,
  events,
  failLog,
  logs,
  mobility,
  peer,
  recorded,
  reload,
  reloader,
  resyncs,
  speaker,
  states,
  write,
  writeText,
} from './reload-setup.ts'

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
  const source = 'bgp.conf'
  for (const one of [
    { option: 'my_as', value: 64512, line: 3 },
    { option: 'headless_time', value: 60, line: 5 },
  ])
    expect(reloader.options).toContainEqual({ section: 'BGP', source, follows: null, ...one })
  expect((await reload()).options).toEqual(restart)
})

test('what is not applicable needs no restart', async () => {
  const ofOvs = { gre_tunnel: 'mpls_gre' }
  write({}, { COMMON: { root_helper: 'sudo rootwrap' }, DATAPLANE_DRIVER_IPVPN: ofOvs })
  expect((await reload()).options).toEqual([])
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
      writeText('[BGP\n')
    },
    /line 1: "\[BGP" cannot be read/,
  ],
  [
    'a log file that cannot be opened',
    () => {
      failLog(new Error('EACCES'))
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
  expect([reported('config-reloaded'), reported('reload-failed').length, recorded]).toEqual([[], 1, []])
  expect(reloader.problems).toEqual([
    expect.stringMatching(/^the last reload was refused, the configuration before it is in effect: /),
  ])
  failLog(null)
  write({})
  await reload()
  expect(reloader.problems).toEqual([])
})

test('every finding is reported', async () => {
  write({ hold_time: 'x', bgp_port: '0' })
  expect(await reloader.reload({ dryRun: false })).toEqual({
    findings: [expect.stringContaining('hold_time'), expect.stringContaining('bgp_port')],
  })
  expect([reported('config-refused').length, reported('reload-failed').length]).toEqual([2, 1])
})

test('a mistake of the configuration is a problem until the configuration is corrected', async () => {
  write({ frobnicate: '7' })
  await reload()
  expect(reloader.problems).toEqual([
    expect.stringMatching(/unknown option \[BGP\] frobnicate; it is ignored$/),
  ])
  write({})
  await reload()
  expect(reloader.problems).toEqual([])
})

test('a key that every user can read is a problem until its file is protected', async () => {
  const key = join(temporaryFiles({ key: 'secret' }), 'key')
  chmodSync(key, 0o644)
  write({ md5_key_file: key })
  await reload()
  expect(reloader.problems).toEqual([expect.stringContaining(key)])
  chmodSync(key, 0o600)
  expect(reloader.problems).toEqual([])
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

test('a key file that can no longer be examined stops neither the status nor the reload that no longer names it', async () => {
  const key = join(temporaryFiles({ key: 'secret' }), 'key')
  chmodSync(key, 0o600)
  write({ md5_key_file: key })
  await reload()
  rmSync(key)
  symlinkSync(key, key)
  expect(reloader.problems).toEqual([])
  write({})
  expect((await reload()).options).toMatchObject([{ option: 'md5_key_file', before: key, after: null }])
  expect(reported('config-reloaded')).toHaveLength(2)
})
