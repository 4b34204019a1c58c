import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFiles } from './support/files.ts'
import { until } from './support/until.ts'

const SCRIPT = fileURLToPath(new URL('../scripts/test.sh', import.meta.url))
/** What the script runs, as far as this machine has to look like one that can run all tiers. */
const PROGRAMS = {
  id: 'echo 0',
  unshare: '',
  nproc: 'echo 2',
  uname: 'echo riscv64',
  docker: '',
  tsx: '',
}

interface Run {
  readonly child: ChildProcess
  readonly directory: string
  output(): string
  code(): number | null
}

/** Runs scripts/test.sh with a `vitest` of these lines of shell, and nothing else that takes time. */
function runTiers(vitest: string): Run {
  const directory = temporaryFiles({})
  const program = (path: string, lines: string) => {
    writeFileSync(join(directory, path), `#!/bin/sh\n${lines}\n`)
    chmodSync(join(directory, path), 0o755)
  }
  for (const name of ['bin', 'scripts']) mkdirSync(join(directory, name))
  for (const [name, lines] of Object.entries(PROGRAMS)) program(`bin/${name}`, lines)
  program('bin/vitest', vitest)
  program('scripts/setup.sh', '')
  cpSync(SCRIPT, join(directory, 'scripts/test.sh'))
  const env = { PATH: `${join(directory, 'bin')}:${process.env['PATH']}`, TMPDIR: directory }
  const child = spawn(join(directory, 'scripts/test.sh'), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGTERM'))
  let output = ''
  let code: number | null = null
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  child.on('close', (ended) => {
    code = ended
  })
  return { child, directory, output: () => output, code: () => code }
}

test('the output of tiers that run beside each other is marked, and what failed is repeated at the end', async () => {
  const { output, code } = runTiers(`case "$*" in
*interop*) sleep 0.2; echo passed ;;
*pure*) echo 'FAILED test/a.test.ts > one: no answer'; exit 7 ;;
esac`)
  await until('its end', () => code() !== null, { seen: output })
  expect(code()).toBe(7)
  const lines = output().trimEnd().split('\n')
  expect(lines.slice(0, -2).sort()).toEqual([
    'interop | passed',
    'pure-kernel | FAILED test/a.test.ts > one: no answer',
  ])
  expect(lines.slice(-2)).toEqual(['FAILED test/a.test.ts > one: no answer', 'FAILED: pure-kernel'])
})

test('tiers that pass are followed by the others; the one that cannot run is named', async () => {
  const { output, code } = runTiers('echo "$3"')
  await until('its end', () => code() !== null, { seen: output })
  const shown = output().split('\n')
  for (const line of ['pure-kernel | pure', 'interop | interop', 'containers | containers'])
    expect(shown).toContain(line)
  expect(output()).toContain('SKIPPED 1 of 5 tiers: guest needs an x86_64 machine')
  expect(code()).toBe(0)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'a run that is ended by %s shows what there is, and leaves no process',
  async (signal, expected) => {
    const { child, directory, output, code } = runTiers(`echo $$ >"$TMPDIR/$3.pid"
echo "begun $3"
sleep 600 &
wait`)
    await until(
      'both begin',
      () => /interop \| begun/.test(output()) && /pure-kernel \| begun/.test(output()),
      {
        seen: output,
      },
    )
    const groups = ['pure', 'interop'].map((name) =>
      Number(readFileSync(join(directory, `${name}.pid`), 'utf8')),
    )
    child.kill(signal)
    await until('its end', () => code() !== null, { seen: output })
    expect(code()).toBe(expected)
    await until('no process of them is left', () => groups.every((group) => !existsGroup(group)))
    expect(readdirSync(directory).filter((name) => name.startsWith('tmp.'))).toEqual([])
  },
)

function existsGroup(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}
