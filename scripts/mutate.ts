import { type ChildProcess, fork } from 'node:child_process'
import {
  cpSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { AREAS, type Area } from '../test/mutation/areas.ts'
import { describeMutant, type Mutant, mutantsOf, mutated } from '../test/mutation/mutants.ts'
import type { Outcome, Trial } from '../test/mutation/runner.ts'
import { Random } from '../test/sim/random.ts'

const RUNNER = 'test/mutation/runner.ts'
/** What a copy of the project does without, or has by a link. */
const NOT_COPIED = new Set(['.git', 'dist', 'node_modules', '.toolchain'])
const PROGRESS = 10
/** A mutant whose tests take that much longer than without it runs without end, which counts as noticed. */
const SLOWER = 3
const LEAST_PATIENCE_MS = 5_000
const FIRST_PATIENCE_MS = 120_000

const { values } = parseArgs({
  options: {
    files: { type: 'string' },
    sample: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
})
const [sample, seed] = [Number(values.sample), Number(values.seed)]
if (!(sample > 0) || !(seed >= 0)) throw new Error('SAMPLE is a number from 1, SEED one from 0')

interface Candidate {
  readonly mutant: Mutant
  readonly area: Area
  readonly source: string
}

function candidates(): Candidate[] {
  const only =
    values.files === undefined ? null : new Set(values.files.split(/[ ,]+/).flatMap((one) => globSync(one)))
  return AREAS.flatMap((area) =>
    globSync([...area.files])
      .filter((file) => only === null || only.has(file))
      .sort()
      .flatMap((file) => {
        const source = readFileSync(file, 'utf8')
        return mutantsOf(file, source).map((mutant) => ({ mutant, area, source }))
      }),
  )
}

/** Some of them, the same for the same seed, in the order of the files. */
function sampled(all: readonly Candidate[]): Candidate[] {
  const random = new Random(seed)
  return all
    .map((one, i) => ({ one, i, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, sample)
    .sort((a, b) => a.i - b.i)
    .map(({ one }) => one)
}

/** The process that runs tests, made anew when a mutant hangs in it. */
class Runner {
  private child: ChildProcess | null = null
  /** How long a phase of the tests of an area may take. */
  private readonly patience = new Map<Area, number>()

  async isKilled({ mutant, area, source }: Candidate): Promise<boolean> {
    const patienceMs = this.patience.get(area)!
    const trial = { file: mutant.file, text: mutated(source, mutant), tests: area.tests, patienceMs }
    return (await this.run(trial)).killed !== false
  }

  /** Runs the tests without a mutant, which has to go well, and takes the time. */
  async measure({ mutant: { file }, area, source }: Candidate): Promise<void> {
    const trial = { file, text: source, tests: area.tests, patienceMs: FIRST_PATIENCE_MS }
    const { killed, phaseMs } = await this.run(trial)
    if (killed !== false) throw new Error(`the tests of ${area.files.join(', ')} fail without a mutant`)
    this.patience.set(area, LEAST_PATIENCE_MS + SLOWER * phaseMs)
  }

  private async run(trial: Trial): Promise<Outcome> {
    const child = this.child ?? (await this.start())
    child.send(trial)
    const outcome = await answerOf(child)
    if (outcome?.killed === null || outcome === null) {
      this.stop()
      writeFileSync(join(copy, trial.file), readFileSync(trial.file))
    }
    return outcome ?? { killed: null, phaseMs: 0 }
  }

  stop(): void {
    // its workers are in its process group
    if (this.child?.pid !== undefined && this.child.exitCode === null)
      process.kill(-this.child.pid, 'SIGKILL')
    this.child = null
  }

  private async start(): Promise<ChildProcess> {
    this.child = fork(RUNNER, { cwd: copy, detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    if ((await answerOf(this.child)) === null) throw new Error(`${RUNNER} does not start`)
    return this.child
  }
}

/** What a runner answers; null where it ended instead. */
function answerOf(child: ChildProcess): Promise<Outcome | null> {
  return new Promise((resolve) => {
    const done = (outcome: Outcome | null) => {
      child.removeAllListeners('message')
      child.removeAllListeners('exit')
      resolve(outcome)
    }
    child.once('message', (outcome) => done(outcome as Outcome))
    child.once('exit', () => done(null))
  })
}

const percent = (part: number, whole: number) => `${((100 * part) / Math.max(whole, 1)).toFixed(1)} %`

/** A copy of the project to write mutants in. */
function copyOfProject(): string {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-mutants-'))
  for (const name of readdirSync('.'))
    if (!NOT_COPIED.has(name)) cpSync(name, join(directory, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
  return directory
}

const all = candidates()
const chosen = sampled(all)
console.log(`${chosen.length} of ${all.length} mutants, SEED=${seed}`)
const copy = copyOfProject()
const runner = new Runner()
process.on('exit', () => {
  runner.stop()
  rmSync(copy, { recursive: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

for (const one of new Map(chosen.map((each) => [each.area, each])).values()) await runner.measure(one)

const tally = new Map<string, { killed: number; survivors: string[] }>()
const started = performance.now()
for (const [i, candidate] of chosen.entries()) {
  const { mutant, source } = candidate
  const counts = tally.get(mutant.file) ?? { killed: 0, survivors: [] }
  tally.set(mutant.file, counts)
  if (await runner.isKilled(candidate)) counts.killed++
  else {
    counts.survivors.push(describeMutant(mutant, source))
    console.log(`survives: ${counts.survivors.at(-1)}`)
  }
  if ((i + 1) % PROGRESS === 0) {
    // or every mutant after one that spoiled the runner would seem to be noticed
    await runner.measure(candidate)
    console.log(`${i + 1} of ${chosen.length}, ${((performance.now() - started) / 1000).toFixed(0)} s`)
  }
}
runner.stop()

const counts = [...tally.values()]
const killed = counts.reduce((sum, one) => sum + one.killed, 0)
console.log()
for (const [file, one] of tally) {
  const { length } = one.survivors
  console.log(`${file.padEnd(44)} ${one.killed} killed, ${length} survive`)
}
console.log(`${killed} of ${chosen.length} mutants killed: ${percent(killed, chosen.length)}`)
