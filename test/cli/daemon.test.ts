import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { sources } from '../../src/cli/config-options.ts'
import type { LoadedConfig } from '../../src/config/load.ts'
import type { Logs } from '../../src/log.ts'
import { chanter } from '../support/cli.ts'
import { temporaryFiles } from '../support/files.ts'
import { until } from '../support/until.ts'

const runDaemon = vi.hoisted(() => vi.fn())
vi.mock('../../src/daemon.ts', () => ({ runDaemon }))

const MINIMAL = '[BGP]\nlocal_address = 127.0.0.1\nmy_as = 64512\n'

const listenersBefore = new Map(
  process.eventNames().map((event) => [event, process.listeners(event as 'exit')]),
)

afterEach(() => {
  for (const event of process.eventNames())
    for (const listener of process.listeners(event as 'exit'))
      if (!listenersBefore.get(event)?.includes(listener)) process.off(event, listener)
  vi.restoreAllMocks()
})

/** Runs `chanter daemon` with `args`, which also stand in process.argv. */
function daemon(...args: readonly string[]) {
  vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'chanter', 'daemon', ...args])
  return chanter('daemon', ...args)
}

describe('configuration', () => {
  test('files and directories count in the order in which they are given', () => {
    expect(sources(['daemon', '--config-file=a', '--config-dir', 'b', '-d', '--config-file', 'c'])).toEqual([
      { kind: 'file', path: 'a' },
      { kind: 'directory', path: 'b' },
      { kind: 'file', path: 'c' },
    ])
  })

  test('the command line wins over files; warnings are logged', async () => {
    runDaemon.mockResolvedValue({ close: async () => undefined })
    const directory = temporaryFiles({ 'bgp.conf': `${MINIMAL}my_ass = 1\n[DEFAULT]\nlog_file = /nowhere\n` })
    const file = join(directory, 'bgp.conf')
    const outcome = await daemon(
      '--config-file',
      file,
      '--log-dir',
      directory,
      '--log-file',
      'a.log',
      '--debug',
      '--use-json',
    )
    expect(outcome.error).toBeUndefined()
    const [{ config }, { recent, output }] = runDaemon.mock.lastCall as [LoadedConfig, Logs]
    await output.flush(60_000)
    expect(config.log).toMatchObject({ debug: true, file: join(directory, 'a.log') })
    const lines = readFileSync(join(directory, 'a.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ level: 'info', msg: 'starting', config: { BGP: { my_as: 64512 } } })
    const warning = `${file} line 4: unknown option [BGP] my_ass (did you mean my_as?); it is ignored`
    expect(lines[1]).toMatchObject({ level: 'warn', msg: warning })
    expect(recent.newestFirst().map(({ message }) => message)).toEqual([warning])
  })
})

test('arguments of oslo.log set options; what is not applicable is named in the log', async () => {
  runDaemon.mockResolvedValue({ close: async () => undefined })
  const directory = temporaryFiles({ 'bgp.conf': `${MINIMAL}[COMMON]\nroot_helper = sudo\n` })
  const file = join(directory, 'bgp.conf')
  const log = join(directory, 'a.log')
  const words = ['--watch-log-file', '--nouse-syslog', '--syslog-log-facility', 'local3']
  const ignored = ['--log-date-format', '%H', '--log_config', '/etc/log.conf']
  await daemon('--config-file', file, '--log-file', log, ...words, ...ignored)
  const [{ config }, { output }] = runDaemon.mock.lastCall as [LoadedConfig, Logs]
  await output.flush(60_000)
  expect(config.log).toMatchObject({ syslog: false, facility: 19 })
  const lines = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.slice(1).map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    `info ${file} line 5: [COMMON] root_helper is not applicable: the kernel is programmed through netlink, without commands`,
    'info argument --log-config-append: [DEFAULT] log_config_append is not applicable: it configures the logging of Python',
    'info argument --log-date-format: [DEFAULT] log_date_format is not applicable: the log is JSON, one object a line, with times of RFC 3339 in UTC',
  ])
})

test('a log file that cannot be opened', async () => {
  const file = join(temporaryFiles({ 'bgp.conf': MINIMAL }), 'bgp.conf')
  expect(await daemon('--config-file', file, '--log-file', '/nowhere/a.log')).toMatchObject({
    error: "the log file cannot be opened: ENOENT: no such file or directory, open '/nowhere/a.log'",
  })
})

test('a daemon that cannot start', async () => {
  runDaemon.mockRejectedValue(new Error('address already in use'))
  const directory = temporaryFiles({ 'bgp.conf': MINIMAL })
  const log = join(directory, 'a.log')
  expect(await daemon('--config-file', join(directory, 'bgp.conf'), '--log-file', log)).toMatchObject({
    error: 'address already in use',
  })
  expect(readFileSync(log, 'utf8')).toContain('"level":"fatal"')
})

describe('signals', () => {
  async function started(close: () => Promise<void>) {
    runDaemon.mockResolvedValue({ close })
    const directory = temporaryFiles({ 'bgp.conf': MINIMAL })
    const log = join(directory, 'a.log')
    expect(await daemon('--config-file', join(directory, 'bgp.conf'), '--log-file', log)).toMatchObject({
      error: undefined,
    })
    return vi.spyOn(process, 'exit').mockImplementation(() => undefined as never)
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('%s stops the daemon, then exits with 0', async (signal) => {
    const close = vi.fn(async () => undefined)
    const exit = await started(close)
    process.emit(signal)
    await until('the exit', () => exit.mock.calls.length > 0)
    expect(exit).toHaveBeenCalledWith(0)
    expect(close).toHaveBeenCalledOnce()
  })

  test('a second signal does not wait', async () => {
    const exit = await started(() => new Promise(() => undefined))
    process.emit('SIGTERM')
    expect(exit).not.toHaveBeenCalled()
    process.emit('SIGTERM')
    expect(exit).toHaveBeenCalledWith(1)
  })
})

describe('the process', () => {
  test.each([
    [
      'a wrong value',
      '[BGP]\nlocal_address = 127.0.0.1\nmy_as = x\n',
      'line 3: [BGP] my_as = "x": expected an integer from 1 to 4294967295',
    ],
    ['an unreadable line', '[BGP\n', 'line 1: "[BGP" cannot be read: a section is written [name]'],
  ])('%s: one line on standard error, exit code 1', async (_, text, complaint) => {
    const file = join(temporaryFiles({ 'bgp.conf': text }), 'bgp.conf')
    const failure = await main('daemon', '--config-file', file).catch((error) => error)
    expect(failure).toMatchObject({ code: 1, stdout: '', stderr: `chanter: ${file} ${complaint}\n` })
  })

  function main(...args: readonly string[]) {
    return promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args])
  }
})
