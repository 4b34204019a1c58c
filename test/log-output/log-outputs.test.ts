import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { PATIENCE_SECONDS } from '../../src/lab/eventually.ts'
import { createLog, plainLog } from '../../src/log.ts'
import { FileSink } from '../../src/log-output/file-sink.ts'
import { LogOutput } from '../../src/log-output/log-output.ts'
import { LogOutputs, STANDARD_OUTPUT } from '../../src/log-output/log-outputs.ts'
import { journalSink, syslogSink } from '../../src/log-output/message-sinks.ts'
import { type RotationOptions, rotationDue } from '../../src/log-output/rotation.ts'
import { type DatagramReceiver, receiveDatagrams } from '../support/datagram.ts'
import { temporaryFiles } from '../support/files.ts'
import { until } from '../support/until.ts'

const DAEMON = 3
const takenBy = (receiver: DatagramReceiver) => {
  const taken = receiver.take()
  return taken.length > 0 && taken
}
const line = (msg: string, level = 'info') =>
  `${JSON.stringify({ level, time: 'now', part: 'bgp', peer: '::1', msg })}\n`

const PATIENCE_MS = PATIENCE_SECONDS * 1000

afterEach(() => void vi.useRealTimers())

describe('a file', () => {
  function fileOutput(rotation: RotationOptions, path = join(temporaryFiles({}), 'log')) {
    const output = new LogOutput(FileSink.openSync(path, rotation), { path })
    const write = async (text: string) => {
      output.write(text)
      await output.flush(PATIENCE_MS)
    }
    const read = (suffix = '') => (existsSync(path + suffix) ? readFileSync(path + suffix, 'utf8') : null)
    return { path, output, write, read }
  }

  test('rotated by size never exceeds it, keeps whole lines, and so many old ones', async () => {
    const { write, read } = fileOutput({ by: 'size', maxOctets: 10, files: 2 })
    for (const text of ['one\n', 'two\n', 'three\n', 'four\n', 'five\n', 'six\n', 'seven\n'])
      await write(text)
    expect([read(), read('.1'), read('.2'), read('.3')]).toEqual([
      'six\nseven\n',
      'four\nfive\n',
      'three\n',
      null,
    ])
  })

  test('rotated by time, counted from its last line before the start', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const path = join(temporaryFiles({}), 'log')
    appendFileSync(path, 'before\n')
    vi.setSystemTime(statSync(path).mtimeMs + 3_598_000)
    const { write, read } = fileOutput({ by: 'interval', unit: 'Hours', count: 1, files: 5 }, path)
    await write('same\n')
    vi.setSystemTime(Date.now() + 3000)
    await write('next\n')
    expect([read(), read('.1')]).toEqual(['next\n', 'before\nsame\n'])
  })

  test.each([
    ['Seconds', 30, '2026-11-29T12:00:30'],
    ['Minutes', 2, '2026-11-29T12:02:00'],
    ['Days', 1, '2026-11-30T12:00:00'],
    ['Midnight', 1, '2026-11-30T00:00:00'],
    ['Weekday', 6, '2026-11-30T00:00:00'],
    ['Weekday', 0, '2026-12-01T00:00:00'],
  ] as const)('%s %i of a file last written on Sunday at noon is due at %s', (unit, count, due) => {
    const since = new Date('2026-11-29T12:00:00').getTime()
    expect(rotationDue({ by: 'interval', unit, count, files: 1 }, since)).toBe(new Date(due).getTime())
  })

  test.each([
    ['moved', 1000, { by: 'none' }],
    ['removed', 1000, { by: 'none' }],
    ['moved', -3_600_000, { by: 'none' }],
    ['removed', 1000, { by: 'size', maxOctets: 1000, files: 1 }],
    ['removed', 1000, { by: 'interval', unit: 'Hours', count: 1, files: 1 }],
  ] as const)(
    'that was %s is opened anew %i ms later by the time of day, rotation %j',
    async (state, ms, rotation) => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
      const { path, write, read } = fileOutput(rotation)
      await write('one\n')
      if (state === 'moved') renameSync(path, `${path}.old`)
      else rmSync(path)
      vi.setSystemTime(Date.now() + ms)
      await write('two\n')
      expect([read(), read('.old')]).toEqual(['two\n', state === 'moved' ? 'one\n' : null])
    },
  )

  test('that was moved and cannot be opened anew is a failure until it can; no line is lost', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { path, output, write, read } = fileOutput({ by: 'none' })
    const writeLater = (text: string) => {
      vi.setSystemTime(Date.now() + 1000)
      return write(text)
    }
    renameSync(path, `${path}.old`)
    mkdirSync(path)
    await writeLater('one\n')
    await writeLater('two\n')
    expect(output.health()).toMatchObject({
      failure: { reason: expect.stringMatching(/^EISDIR/) },
      dropped: 0,
    })
    rmdirSync(path)
    await writeLater('three\n')
    expect([output.health().failure, read('.old'), read()]).toEqual([null, 'one\ntwo\n', 'three\n'])
  })

  test('that is no file, such as /dev/null, is not rotated', async () => {
    const directory = temporaryFiles({})
    const path = join(directory, 'log')
    symlinkSync('/dev/null', path)
    const { write, output } = fileOutput({ by: 'size', maxOctets: 5, files: 2 }, path)
    for (const text of ['one\n', 'two\n', 'three\n']) await write(text)
    expect([readdirSync(directory), output.health().failure]).toEqual([['log'], null])
  })

  test('gets its lines in order when the process is about to end', async () => {
    const { output, read } = fileOutput({ by: 'none' })
    output.write('first\n')
    await Promise.resolve() // the first is about to be written
    output.write('fatal\n')
    output.flushSync()
    expect(read()).toBe('first\nfatal\n')
    await output.flush(PATIENCE_MS)
    expect(read()).toBe('first\nfatal\n')
  })

  test('that cannot be rotated goes on as it is', async () => {
    const directory = join(temporaryFiles({}), 'log')
    const { output, write, read, path } = fileOutput({ by: 'size', maxOctets: 10, files: 2 })
    await write('one\n')
    renameSync(join(path, '..'), directory)
    await write('long line\n')
    expect([output.health().failure, readFileSync(join(directory, 'log'), 'utf8')]).toEqual([
      null,
      'one\nlong line\n',
    ])
    expect(read()).toBeNull()
    renameSync(directory, join(path, '..'))
  })
})

describe('messages', () => {
  test('syslog: facility and severity, and the line', async () => {
    const path = join(temporaryFiles({}), 'dev-log')
    const receiver = receiveDatagrams(path)
    const output = new LogOutput(syslogSink(DAEMON, path), { path })
    for (const level of ['error', 'warn', 'info', 'debug']) output.write(line('session state', level))
    await output.flush(PATIENCE_MS)
    expect(receiver.take()).toEqual(
      [27, 28, 30, 31].map((priority, i) => {
        const text = line('session state', ['error', 'warn', 'info', 'debug'][i]).trimEnd()
        return `<${priority}>chanter[${process.pid}]: ${text}`
      }),
    )
  })

  test('the journal: fields by name, their values with a length', async () => {
    const path = join(temporaryFiles({}), 'journal')
    const receiver = receiveDatagrams(path)
    const output = new LogOutput(journalSink(DAEMON, path), { path })
    output.write(line('session\nstate', 'warn'))
    await output.flush(PATIENCE_MS)
    const field = (name: string, value: string) =>
      `${name}\n${String.fromCharCode(Buffer.byteLength(value))}${'\0'.repeat(7)}${value}\n`
    expect(receiver.take()).toEqual([
      [
        field('MESSAGE', 'session\nstate {"part":"bgp","peer":"::1"}'),
        field('PRIORITY', '4'),
        field('SYSLOG_FACILITY', '3'),
        field('SYSLOG_IDENTIFIER', 'chanter'),
        field('CHANTER_PART', 'bgp'),
        field('CHANTER_PEER', '::1'),
      ].join(''),
    ])
  })

  test('a receiver that stalls holds up nothing, and gets all lines when it goes on', async () => {
    const path = join(temporaryFiles({}), 'dev-log')
    const receiver = receiveDatagrams(path)
    const output = new LogOutput(syslogSink(DAEMON, path), { path })
    const count = 1000
    for (let i = 0; i < count; i++) output.write(line(`line ${i}`))
    const taken: string[] = []
    await until('all lines', () => {
      taken.push(...receiver.take())
      return taken.length >= count
    })
    expect(taken.map((text) => Number(/line (\d+)/.exec(text)?.[1]))).toEqual(taken.map((_, i) => i))
    expect(output.health()).toEqual({ path, dropped: 0, failure: null })
  })

  test('without a receiver lines wait, and are reported as not written; the receiver that comes gets them', async () => {
    const path = join(temporaryFiles({}), 'dev-log')
    const output = new LogOutput(syslogSink(DAEMON, path), { path })
    output.write(line('early'))
    const reason = (code: string) => () => output.health().failure?.reason.includes(code)
    await until('there is no receiver', reason('ENOENT'))
    const first = receiveDatagrams(path)
    expect(await until('the early line', () => takenBy(first))).toHaveLength(1)
    first.close()
    output.write(line('late'))
    await until('the receiver is gone', reason('ECONNREFUSED'))
    const second = receiveDatagrams(path)
    expect(await until('the late line', () => takenBy(second))).toEqual([expect.stringContaining('late')])
    expect(output.health()).toEqual({ path, dropped: 0, failure: null })
  })

  test('a line that is too long is cut', async () => {
    const path = join(temporaryFiles({}), 'dev-log')
    const receiver = receiveDatagrams(path)
    const output = new LogOutput(syslogSink(DAEMON, path), { path })
    output.write(line('x'.repeat(500_000)))
    output.write(line('next'))
    await output.flush(PATIENCE_MS)
    expect(receiver.take().map((text) => text.length > 8000)).toEqual([true, false])
  })
})

test('the level of the log changes with its file', async () => {
  const directory = temporaryFiles({})
  const [one, two] = [join(directory, 'one'), join(directory, 'two')]
  const { log, output, configure } = createLog(plainLog(false, one))
  const write = async (msg: string) => {
    log.debug(`${msg} debug`)
    log.info(`${msg} info`)
    await output.flush(PATIENCE_MS)
  }
  await write('first')
  await configure(plainLog(true, two))
  await write('second')
  await configure(plainLog(false, two))
  await write('third')
  const messages = (file: string) => readFileSync(file, 'utf8').match(/\w+ (debug|info)(?="})/g)
  expect([messages(one), messages(two)]).toEqual([
    ['first info'],
    ['second debug', 'second info', 'third info'],
  ])
})

describe('destinations', () => {
  test('another file takes over; what was written before stays in the old one', async () => {
    const directory = temporaryFiles({})
    const [one, two] = [join(directory, 'one'), join(directory, 'two')]
    const outputs = new LogOutputs({ ...STANDARD_OUTPUT, file: one })
    outputs.write('first\n')
    await outputs.configure({ ...STANDARD_OUTPUT, file: two })
    outputs.write('second\n')
    await outputs.flush(PATIENCE_MS)
    expect([readFileSync(one, 'utf8'), readFileSync(two, 'utf8')]).toEqual(['first\n', 'second\n'])
    expect(outputs.health()).toEqual({ path: two, dropped: 0, failure: null })
  })

  test('a change while the file is opened anew takes effect after that', async () => {
    const directory = temporaryFiles({})
    const [one, two] = [join(directory, 'one'), join(directory, 'two')]
    const outputs = new LogOutputs({ ...STANDARD_OUTPUT, file: one })
    const reopened = outputs.reopen()
    await outputs.configure({ ...STANDARD_OUTPUT, file: null, stderr: true })
    await reopened
    expect(outputs.file).toBeNull()
    const changed = outputs.configure({ ...STANDARD_OUTPUT, file: two })
    await Promise.all([outputs.reopen(), changed])
    expect(outputs.file).toBe(two)
  })

  test('a file that cannot be opened leaves all as it was', async () => {
    const file = join(temporaryFiles({}), 'log')
    const outputs = new LogOutputs({ ...STANDARD_OUTPUT, file })
    await expect(outputs.configure({ ...STANDARD_OUTPUT, file: '/nowhere/log' })).rejects.toThrow('ENOENT')
    outputs.write('still here\n')
    await outputs.flush(PATIENCE_MS)
    expect(readFileSync(file, 'utf8')).toBe('still here\n')
  })
})
