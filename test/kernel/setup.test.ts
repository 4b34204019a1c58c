import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFiles } from '../support/files.ts'
import { until } from '../support/until.ts'

const SETUP = fileURLToPath(new URL('../../scripts/setup.sh', import.meta.url))
/** Holds a lock as apt and dpkg do, until its input ends. */
const HOLD =
  'import fcntl, sys; f = open(sys.argv[1], "w"); fcntl.lockf(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()'
const LISTS = 'var/lib/apt/lists/lock'
const FRONTEND = 'var/lib/dpkg/lock-frontend'

/** The directories of an apt of its own, which has nothing to install from. */
function aptRoot(): string {
  const root = temporaryFiles({})
  for (const name of [
    'etc/apt/apt.conf.d',
    'etc/apt/preferences.d',
    'etc/apt/sources.list.d',
    'var/lib/apt/lists/partial',
    'var/lib/dpkg',
    'var/cache/apt/archives/partial',
  ])
    mkdirSync(join(root, name), { recursive: true })
  return root
}

async function hold(lock: string): Promise<ChildProcessWithoutNullStreams> {
  const holder = spawn('python3', ['-c', HOLD, lock])
  onTestFinished(() => {
    holder.kill()
  })
  await once(holder.stdout, 'data')
  return holder
}

/** Asks for a package that there is not, so that nothing is ever installed. */
function install(root: string, environment: Readonly<Record<string, string>> = {}) {
  const conf = `Dir "${root}"; Dir::State::status "${root}/var/lib/dpkg/status"; APT::Sandbox::User "root";`
  const APT_CONFIG = join(temporaryFiles({ 'apt.conf': conf }), 'apt.conf')
  const env = { ...process.env, APT_CONFIG, ...environment }
  const child = spawn(SETUP, ['debian', 'chanter-has-no-such-package'], { env })
  const seen = { output: '', code: null as number | null }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      seen.output += chunk.toString()
    })
  child.on('close', (code) => {
    seen.code = code
  })
  return seen
}

test.each([LISTS, FRONTEND])('packages are installed when another process gives %s back', async (name) => {
  const root = aptRoot()
  const holder = await hold(join(root, name))
  const seen = install(root)
  const shown = { seen: () => seen.output }
  await until('the process that is waited for', () => seen.output.includes('waiting'), shown)
  expect(seen.output).toMatch(
    new RegExp(
      `waiting up to \\d+ seconds for process ${holder.pid} \\(.*python3 -c .*\\): it holds ${root}/${name}\n`,
    ),
  )
  holder.stdin.end()
  await until('the end', () => seen.code !== null, shown)
  expect(seen.output).toContain('Unable to locate package')
})

test('a lock that is never released is named', async () => {
  const root = aptRoot()
  const holder = await hold(join(root, LISTS))
  const seen = install(root, { LOCK_SECONDS: '1' })
  await until('the end', () => seen.code !== null, { seen: () => seen.output })
  expect(seen.code).toBe(1)
  expect(seen.output).toMatch(new RegExp(`${LISTS}\\. It is held by process ${holder.pid} `))
  expect(seen.output).toMatch(/FAILED: apt-get update, for whose lock we waited \d+ seconds/)
})
