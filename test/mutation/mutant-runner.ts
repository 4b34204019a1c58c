import { type ChildProcess, fork } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Area } from './areas.ts'
import { type Mutant, mutated } from './mutants.ts'
import type { Outcome, Trial } from './runner.ts'

const RUNNER = 'test/mutation/runner.ts'
/** What a copy of the project does without, or has by a link. */
const NOT_COPIED = new Set(['.git', 'dist', 'node_modules', '.toolchain'])
/** A mutant whose tests take that much longer than without it runs without end, which counts as killed. */
const SLOWER = 3
const LEAST_PATIENCE_MS = 5_000
const FIRST_PATIENCE_MS = 120_000
/** After so many killed in a row, the tests have to pass without a mutant: one may have spoiled the runner. */
const DOUBTFUL_ROW = 20

/** A mutant, where it belongs, and the text of its file. */
export interface Candidate {
  readonly mutant: Mutant
  readonly area: Area
  readonly source: string
}

export type MutantState = 'killed' | 'endless' | 'survives'

/** Tries mutants one after the other, in a copy of the project and in a process that is made anew when a mutant hangs in it. */
export class MutantRunner {
  private readonly copy = copyOfProject()
  private child: ChildProcess | null = null
  /** How long a phase of the tests of an area may take. */
  private readonly patience = new Map<Area, number>()
  /** The last one that was killed, and how many in a row. */
  private killed: Candidate | null = null
  private row = 0

  async stateOf(candidate: Candidate): Promise<MutantState> {
    const { mutant, area, source } = candidate
    if (!this.patience.has(area)) await this.measure(candidate)
    const outcome = await this.run(candidate, mutated(source, mutant), this.patience.get(area)!)
    if (outcome.killed === false) {
      this.row = 0
      return 'survives'
    }
    this.killed = candidate
    if (++this.row === DOUBTFUL_ROW) await this.finish()
    return outcome.killed === null ? 'endless' : 'killed'
  }

  /** Makes sure that the last ones were killed by tests that pass without them. */
  async finish(): Promise<void> {
    if (this.row > 0) await this.measure(this.killed!)
    this.row = 0
  }

  close(): void {
    this.stop()
    rmSync(this.copy, { recursive: true, force: true })
  }

  /** Runs the tests without a mutant, which has to go well, and takes the time. */
  private async measure(candidate: Candidate): Promise<void> {
    const { area, source } = candidate
    const { killed, phaseMs } = await this.run(candidate, source, FIRST_PATIENCE_MS)
    if (killed !== false) throw new Error(`the tests of ${area.files.join(', ')} fail without a mutant`)
    this.patience.set(area, LEAST_PATIENCE_MS + SLOWER * phaseMs)
  }

  private async run({ mutant: { file }, area, source }: Candidate, text: string, patienceMs: number) {
    const child = this.child ?? (await this.start())
    child.send({ file, text, tests: area.tests, patienceMs } satisfies Trial)
    const outcome = (await answerOf(child)) ?? { killed: null, phaseMs: 0 }
    if (outcome.killed === null) {
      this.stop()
      writeFileSync(join(this.copy, file), source)
    }
    return outcome
  }

  private async start(): Promise<ChildProcess> {
    this.child = fork(RUNNER, {
      cwd: this.copy,
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    if ((await answerOf(this.child)) === null) throw new Error(`${RUNNER} does not start`)
    return this.child
  }

  private stop(): void {
    // its workers are in its process group
    if (this.child?.pid !== undefined && this.child.exitCode === null)
      process.kill(-this.child.pid, 'SIGKILL')
    this.child = null
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

/** A copy of the project to write mutants in. */
function copyOfProject(): string {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-mutants-'))
  for (const name of readdirSync('.'))
    if (!NOT_COPIED.has(name)) cpSync(name, join(directory, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
  return directory
}
