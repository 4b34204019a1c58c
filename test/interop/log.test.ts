import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { runSync } from '../../src/lab/command.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { receiveDatagrams } from '../support/datagram.ts'
import { temporaryFiles } from '../support/files.ts'
import { type LoneDaemon, loneDaemon } from '../support/lone-daemon.ts'

/** Each leaves a line of more than that in the log. */
const LONG = 8000

interface LogView {
  readonly log: { readonly path: string | null; readonly dropped: number; readonly failure: object | null }
}

async function complain({ api }: LoneDaemon, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const { status } = await request(api, `/explain?address=${'x'.repeat(LONG)}`)
    expect(status).toBe(400)
  }
}

function logged(text: string): { msg: string; dropped?: number; signal?: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** A pipe of which nothing is read until `read` is called. */
function fifo() {
  const path = join(temporaryFiles({}), 'fifo')
  runSync('mkfifo', path)
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return {
    writer: openSync(path, 'w'),
    close: () => closeSync(reader),
    read(): string {
      const room = Buffer.alloc(1 << 20)
      try {
        return room.toString('utf8', 0, readSync(reader, room))
      } catch {
        return ''
      }
    },
  }
}

test('standard output without a reader blocks nothing, and is reported', async () => {
  const pipe = fifo()
  const daemon = await loneDaemon({ stdout: pipe.writer, settings: { DEFAULT: { debug: 'true' } } })
  expect(await daemon.problems()).toEqual([])
  await complain(daemon, 300)
  expect((await request(daemon.api, '/ping')).status).toBe(200)
  const { log } = await fetchJson<LogView>(daemon.api, '/status')
  expect(log.dropped).toBeGreaterThan(0)
  expect(await daemon.problems()).toEqual([
    expect.stringMatching(/^the log cannot be written to standard output since .*; \d+ lines dropped$/),
  ])
  let text = ''
  await eventually('the rest comes, and how much is missing', async () => {
    text += pipe.read()
    return text.endsWith('\n') && text.includes('log lines dropped')
      ? { value: true }
      : { seen: text.slice(-80) }
  })
  expect(logged(text).find(({ msg }) => msg === 'log lines dropped')).toMatchObject({ dropped: log.dropped })
  expect(await daemon.problems()).toEqual([])
})

test('a reader of standard output that ends', async () => {
  const pipe = fifo()
  const daemon = await loneDaemon({ stdout: pipe.writer })
  pipe.close()
  await complain(daemon, 1)
  await eventually('it is reported', async () => {
    const [problem = ''] = await daemon.problems()
    return problem.includes('EPIPE') ? { value: true } : { seen: problem }
  })
})

test('a full disk ends nothing; when there is room, the log goes on without a torn line', async () => {
  const directory = temporaryFiles({})
  runSync('mount', '-t', 'tmpfs', '-o', 'size=256k', 'chanter', directory)
  onTestFinished(() => void runSync('umount', '--lazy', directory))
  const [file, ballast] = [join(directory, 'chanter.log'), join(directory, 'ballast')]
  writeFileSync(ballast, Buffer.alloc(220 << 10))
  const daemon = await loneDaemon({ settings: { DEFAULT: { log_file: file, debug: 'true' } } })
  await complain(daemon, 200)
  await eventually('it is reported', async () => {
    const [problem = ''] = await daemon.problems()
    return problem.includes(`cannot be written to ${file} since`) && problem.includes('ENOSPC')
      ? { value: true }
      : { seen: problem }
  })
  runSync('mount', '-o', 'remount,size=8m', directory)
  const { dropped } = await eventually('all that is kept is written', async () => {
    const { log } = await fetchJson<LogView>(daemon.api, '/status')
    const text = readFileSync(file, 'utf8')
    const isWhole = text.endsWith('\n') && text.includes('log lines dropped')
    return log.failure === null && isWhole ? { value: log } : { seen: text.slice(-80) }
  })
  expect(dropped).toBeGreaterThan(0)
  const lines = logged(readFileSync(file, 'utf8'))
  const gaps = lines.filter(({ msg }) => msg === 'log lines dropped').map((line) => line.dropped ?? 0)
  expect(gaps.reduce((sum, gap) => sum + gap, 0)).toBe(dropped)
  expect(daemon.ended()).toBeNull()
})

test('SIGHUP reopens the log file that was renamed', async () => {
  const file = join(temporaryFiles({}), 'chanter.log')
  const daemon = await loneDaemon({ settings: { DEFAULT: { log_file: file } } })
  renameSync(file, `${file}.1`)
  daemon.signal('SIGHUP')
  await eventually('there is a new file', async () =>
    existsSync(file) && readFileSync(file, 'utf8').includes('\n') ? { value: true } : { seen: 'none' },
  )
  await eventually('it goes on there', async () => {
    const text = readFileSync(file, 'utf8')
    return text.includes('log file reopened') && text.includes('configuration reloaded')
      ? { value: true }
      : { seen: text }
  })
  expect(logged(readFileSync(`${file}.1`, 'utf8')).map(({ msg }) => msg)).toContain('ready')
  await complain(daemon, 1)
  await eventually('it is written to', async () => {
    const last = logged(readFileSync(file, 'utf8')).at(-1)?.msg ?? ''
    return last === 'request refused' ? { value: true } : { seen: last }
  })
})

test('many SIGHUPs at once are one reload after the other, of which the last one counts', async () => {
  const file = join(temporaryFiles({}), 'chanter.log')
  const daemon = await loneDaemon({ settings: { DEFAULT: { log_file: file } } })
  for (let i = 0; i < 2000; i++) {
    daemon.signal('SIGHUP')
    await turn() // the kernel merges those that come together
  }
  writeFileSync(daemon.config, readFileSync(daemon.config, 'utf8').replace('[BGP]', '[BGP]\nhold_time = 30'))
  daemon.signal('SIGHUP')
  const log = await eventually('the option has changed', async () => {
    const text = readFileSync(file, 'utf8')
    return text.includes('option changed') ? { value: text } : { seen: text.slice(-80) }
  })
  const [begin, end] = ['SIGHUP: reloading', 'configuration reloaded']
  const steps = logged(log.slice(0, log.lastIndexOf('\n'))).flatMap(({ msg }) =>
    msg === begin || msg === end ? [msg] : [],
  )
  expect(steps).toEqual(steps.map((_, i) => (i % 2 === 0 ? begin : end)))
})

test('a log file that cannot be reopened stays in use', async () => {
  const directory = join(temporaryFiles({}), 'log')
  runSync('mkdir', directory)
  const file = join(directory, 'chanter.log')
  const daemon = await loneDaemon({ settings: { DEFAULT: { log_file: file } } })
  renameSync(directory, `${directory}.old`)
  daemon.signal('SIGHUP')
  const kept = join(`${directory}.old`, 'chanter.log')
  await eventually('it says so', async () => {
    const text = readFileSync(kept, 'utf8')
    return text.includes('log file not reopened') ? { value: true } : { seen: text.slice(-80) }
  })
})

test.each(['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGIO', 'SIGPWR', 'SIGXFSZ'] as const)(
  '%s does not end the daemon, nor open a debugger',
  async (signal) => {
    const pipe = fifo()
    const daemon = await loneDaemon({ stdout: pipe.writer })
    daemon.signal(signal)
    let text = ''
    await eventually('the signal is reported', async () => {
      text += pipe.read()
      return text.includes(signal) ? { value: true } : { seen: text.slice(-80) }
    })
    expect((await request(daemon.api, '/ping')).status).toBe(200)
    expect(daemon.ended()).toBeNull()
    const listeners = runSync('ss', '-Hltnp').split('\n')
    expect(listeners.filter((line) => line.includes(`pid=${daemon.pid},`))).toHaveLength(1)
  },
)

test.each([
  ['an exception', 'throw new Error("a bug")'],
  ['a rejection', 'void Promise.reject(new Error("a bug"))'],
])('an unexpected %s is in the log with its stack, and the process ends', async (_, act) => {
  const directory = temporaryFiles({ 'bug.mjs': `process.on('SIGUSR2', () => { ${act} })` })
  const log = join(directory, 'chanter.log')
  const daemon = await loneDaemon({
    by: ['env', `NODE_OPTIONS=--import=${join(directory, 'bug.mjs')}`],
    settings: { DEFAULT: { log_file: log } },
  })
  daemon.signal('SIGUSR2')
  await eventually('it ends', async () =>
    daemon.ended() === 1 ? { value: true } : { seen: String(daemon.ended()) },
  )
  // a line that the system was writing at that moment may come after it
  expect(logged(readFileSync(log, 'utf8'))).toContainEqual(
    expect.objectContaining({
      level: 'fatal',
      err: expect.objectContaining({ message: 'a bug', stack: expect.stringContaining('bug.mjs') }),
    }),
  )
})

test('a key that every user can read is warned of, and a problem until that is mended', async () => {
  const directory = temporaryFiles({ 'bgp.key': 'secret' })
  const [key, log] = [join(directory, 'bgp.key'), join(directory, 'chanter.log')]
  chmodSync(key, 0o644)
  const daemon = await loneDaemon({ settings: { DEFAULT: { log_file: log }, BGP: { md5_key_file: key } } })
  const problem = `every user of this machine can read the key in ${key}: chmod o-rwx ${key}, and change the key`
  expect(await daemon.problems()).toEqual([problem])
  expect(readFileSync(log, 'utf8')).toContain(problem)
  chmodSync(key, 0o600)
  expect(await daemon.problems()).toEqual([])
})

test('a reload moves the log from standard output into a file, and back', async () => {
  const pipe = fifo()
  const daemon = await loneDaemon({ stdout: pipe.writer })
  const file = join(temporaryFiles({}), 'chanter.log')
  const text = readFileSync(daemon.config, 'utf8')
  pipe.read()
  writeFileSync(daemon.config, `${text}\n[DEFAULT]\nlog_file = ${file}\n`)
  expect((await request(daemon.api, '/reload', {})).status).toBe(200)
  await complain(daemon, 1)
  await eventually('the file has it', async () => {
    const written = readFileSync(file, 'utf8')
    return written.includes('request refused') ? { value: true } : { seen: written }
  })
  expect(pipe.read()).not.toContain('request refused')
  writeFileSync(daemon.config, text)
  expect((await request(daemon.api, '/reload', {})).status).toBe(200)
  await complain(daemon, 1)
  let printed = ''
  await eventually('standard output has it again', async () => {
    printed += pipe.read()
    return printed.includes('request refused') ? { value: true } : { seen: printed }
  })
  expect(logged(readFileSync(file, 'utf8')).filter(({ msg }) => msg === 'request refused')).toHaveLength(1)
})

test("systemd's journal gets the lines with their fields, where it is in a namespace of the daemon", async () => {
  const path = join(temporaryFiles({}), 'journal')
  const journal = receiveDatagrams(path)
  const run = `mount -t tmpfs none /run && mkdir -p /run/systemd/journal && touch /run/systemd/journal/socket &&
    mount --bind ${path} /run/systemd/journal/socket && exec "$@"`
  const daemon = await loneDaemon({
    by: ['unshare', '--mount', 'sh', '-c', run, 'sh'],
    settings: { DEFAULT: { use_journal: 'true', syslog_log_facility: 'daemon' } },
  })
  await complain(daemon, 1)
  const seen: string[] = []
  await eventually('the refusal is in the journal', async () => {
    seen.push(...journal.take())
    const found = seen.find((text) => text.includes('request refused'))
    return found === undefined ? { seen: `${seen.length} entries` } : { value: found }
  })
  const entry = seen.find((text) => text.includes('request refused')) ?? ''
  const field = (name: string) => new RegExp(`^${name}\\n.{8}(.*)$`, 'ms').exec(entry)?.[1]?.split('\n')[0]
  expect([
    field('PRIORITY'),
    field('SYSLOG_FACILITY'),
    field('SYSLOG_IDENTIFIER'),
    field('CHANTER_PART'),
  ]).toEqual(['4', '3', 'chanter', 'rest'])
  expect(await daemon.problems()).toEqual([])
})

test('a user without capabilities: one line says what is missing and what to do, and the daemon runs', async () => {
  const pipe = fifo()
  const state = join(temporaryFiles({}), 'state')
  const daemon = await loneDaemon({
    stdout: pipe.writer,
    by: ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'],
    settings: {
      DEFAULT: { state_file: state },
      DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
      BGP: { listen: 'true', listen_port: '179' },
    },
  })
  const lines = logged(pipe.read()).filter(({ msg }) => msg.includes('CAP_'))
  expect(lines).toEqual([
    expect.objectContaining({
      level: 'error',
      missing: ['CAP_NET_ADMIN', 'CAP_BPF', 'CAP_NET_BIND_SERVICE'],
      msg: expect.stringMatching(
        /nothing is programmed, attaches are refused.*AmbientCapabilities=CAP_NET_ADMIN CAP_BPF/,
      ),
    }),
  ])
  expect(await daemon.problems()).toContainEqual(expect.stringContaining('CAP_NET_ADMIN is missing'))
})
