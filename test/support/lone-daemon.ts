import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { fetchJson, request, type Server } from '../../src/client.ts'
import { CHANTER, type DaemonSettings, formatIni } from '../../src/lab/chanter.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { temporaryFiles } from './files.ts'

export interface LoneDaemon {
  readonly api: Server
  readonly pid: number
  /** Path of its configuration. */
  readonly config: string
  /** How it ended, an exit code or the name of a signal; null while it runs. */
  ended(): number | string | null
  signal(signal: NodeJS.Signals): void
  problems(): Promise<readonly string[]>
}

export interface Surroundings {
  readonly settings?: DaemonSettings
  /** A file descriptor for standard output, closed here. */
  readonly stdout?: number
  /** Further words of the command line. */
  readonly words?: readonly string[]
  /** A command that starts it, such as `prlimit`. */
  readonly by?: readonly string[]
}

/** A daemon of this machine without peers and without a kernel to change, until the test is over. */
export async function loneDaemon({
  settings = {},
  stdout,
  by = [],
  words: more = [],
}: Surroundings = {}): Promise<LoneDaemon> {
  const directory = temporaryFiles({})
  const api = { host: '127.0.0.1', port: await freePort() }
  const file = join(directory, 'bgp.conf')
  writeFileSync(
    file,
    formatIni({
      ...settings,
      BGP: { local_address: '127.0.0.1', my_as: 64512, listen: 'false', ...settings['BGP'] },
      API: { host: api.host, port: api.port, ...settings['API'] },
    }),
  )
  const out = stdout ?? openSync(join(directory, 'stdout'), 'a')
  const [program = '', ...words] = [...by, CHANTER, 'daemon', '--config-file', file, ...more]
  const child = spawn(program, words, { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  const exited = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const ended = () => child.exitCode ?? child.signalCode
  await eventually('the daemon answers', async () => {
    const { body } = await request(api, '/ping')
    return { value: body }
  })
  return {
    api,
    pid: child.pid ?? 0,
    config: file,
    ended,
    signal: (signal) => void child.kill(signal),
    problems: async () => (await fetchJson<{ problems: string[] }>(api, '/status')).problems,
  }
}

/** A TCP port of 127.0.0.1 without a listener. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
