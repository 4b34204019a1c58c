import { setImmediate } from 'node:timers/promises'
import { Script } from 'node:vm'
import { Coverage } from './coverage.ts'
import { Growth } from './heap.ts'
import { Random } from './random.ts'
import type { Target } from './target.ts'

/** Far more than any input takes, on a machine with other things to do. */
const MAX_INPUT_MS = 400
/** An input that runs so long will not come back. */
const HANG_MS = 10_000
/** Inputs kept of a target, besides its seeds. */
const MAX_KEPT = 2000
/** Longer inputs are not kept, as they would be copied again and again. */
const MAX_KEPT_LENGTH = 20_000
const HEAP_SAMPLE_MS = 1000
/** The part of the time in which code is compiled and the corpus fills. */
const WARM_UP = 0.25

export interface Find {
  readonly target: string
  readonly reason: string
  readonly input: Buffer | null
}

export interface Lane {
  readonly target: Target
  readonly random: Random
  readonly corpus: Buffer[]
  readonly kept: Buffer[]
  executions: number
  slowestMs: number
}

/**
 * Runs mutated inputs against every target in turn, and keeps those that reach code which none did before. With the same
 * seed and corpus it runs the same inputs in the same order, as far as the time goes.
 */
export class Fuzzer {
  readonly lanes: readonly Lane[]
  readonly finds: Find[] = []
  private readonly coverage = new Coverage()
  private readonly growth = new Growth()
  /** What is run now; the script that runs it can be interrupted. */
  private job: () => void = () => {}
  private progress: () => void = () => {}
  private current: Buffer | null = null
  private readonly script: Script

  constructor(targets: readonly Target[], seed: number, corpusOf: (target: string) => readonly Buffer[]) {
    this.lanes = targets.map((target) => {
      const corpus = [...target.seeds, ...corpusOf(target.name)]
      return { target, random: new Random(seed), corpus, kept: [], executions: 0, slowestMs: 0 }
    })
    Object.assign(globalThis, { fuzzJob: () => this.job() })
    this.script = new Script('fuzzJob()')
  }

  get executions(): number {
    return this.lanes.reduce((sum, { executions }) => sum + executions, 0)
  }

  /** Characters of the sources that ran. */
  get reached(): number {
    return this.coverage.reached
  }

  /** Runs for so long; `progress` is called in between. */
  async run(milliseconds: number, progress: () => void): Promise<void> {
    this.progress = progress
    for (const lane of this.lanes) await this.runAll(lane, lane.corpus)
    this.coverage.fresh(true)
    const start = performance.now()
    const elapsed = (): number => performance.now() - start
    let sampled = 0
    while (elapsed() < milliseconds) {
      for (const lane of this.lanes) {
        if (elapsed() >= milliseconds) break
        await this.runBatch(lane)
      }
      if (elapsed() < milliseconds * WARM_UP || elapsed() - sampled < HEAP_SAMPLE_MS) continue
      sampled = elapsed()
      this.growth.sample()
    }
    this.coverage.close()
    const growth = this.growth.verdict()
    if (growth !== null) this.finds.push({ target: 'all', reason: growth, input: null })
  }

  /** Runs fresh inputs, then finds out which of them reached something new. */
  private async runBatch(lane: Lane): Promise<void> {
    const inputs = Array.from({ length: lane.target.batch }, () => freshInput(lane))
    await this.runAll(lane, inputs)
    this.progress()
    if (this.coverage.fresh(false) === 0) return
    await this.keepFrom(lane, inputs)
    // What only several inputs in a row reach is of no one of them.
    this.coverage.fresh(true)
  }

  /** Keeps those of the inputs that reach something new, found by running ever smaller parts of them. */
  private async keepFrom(lane: Lane, inputs: readonly Buffer[]): Promise<void> {
    await this.runAll(lane, inputs)
    this.progress()
    const alone = inputs.length === 1
    if (this.coverage.fresh(alone) === 0) return
    if (alone) return this.keep(lane, Buffer.from(inputs[0]!))
    const half = inputs.length >>> 1
    await this.keepFrom(lane, inputs.slice(0, half))
    await this.keepFrom(lane, inputs.slice(half))
  }

  private keep({ kept, corpus }: Lane, input: Buffer): void {
    if (input.length > MAX_KEPT_LENGTH || kept.length >= MAX_KEPT) return
    kept.push(input)
    corpus.push(input)
  }

  private async runAll(lane: Lane, inputs: readonly Buffer[]): Promise<void> {
    this.guarded(lane, () => {
      for (const input of inputs) {
        this.current = input
        lane.executions++
        const ms = timed(() => this.attempt(lane, input))
        if (ms > lane.slowestMs) lane.slowestMs = ms
        if (ms > MAX_INPUT_MS) this.timeAgain(lane, input)
      }
    })
    // Promises that were made meanwhile hold what they were made for until they had their turn.
    await setImmediate()
  }

  private attempt({ target }: Lane, input: Buffer): void {
    try {
      target.run(input)
    } catch (error) {
      this.note(target, error instanceof Error ? (error.stack ?? error.message) : String(error), input)
    }
  }

  /** An input is slow when it is so each time: the machine may have been busy. */
  private timeAgain({ target }: Lane, input: Buffer): void {
    const times = [1, 2].map(() =>
      timed(() => {
        try {
          target.run(input)
        } catch {
          // It was noted the first time.
        }
      }),
    )
    const fastest = Math.min(...times)
    if (fastest > MAX_INPUT_MS) this.note(target, `takes ${fastest.toFixed(0)} ms`, input)
  }

  private guarded({ target }: Lane, job: () => void): void {
    this.job = job
    try {
      this.script.runInThisContext({ timeout: HANG_MS })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
      this.note(target, `still runs after ${HANG_MS} ms`, this.current)
    }
  }

  /** Keeps the shortest input for each place where something breaks. */
  private note({ name }: Target, reason: string, input: Buffer | null): void {
    const find = { target: name, reason, input: input && Buffer.from(input) }
    const alike = this.finds.findIndex((one) => one.target === name && placeOf(one) === placeOf(find))
    const known = this.finds[alike]
    if (known === undefined) this.finds.push(find)
    else if (find.input !== null && find.input.length < (known.input?.length ?? 0)) this.finds[alike] = find
  }
}

function freshInput({ target, corpus, random }: Lane): Buffer {
  let input = random.pick(corpus)
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--)
    input = target.mutate(input, random, random.pick(corpus))
  return input
}

/** What tells finds apart: the first lines of the stack, without what is particular to the input. */
function placeOf({ reason }: Find): string {
  return reason
    .split('\n')
    .slice(0, 3)
    .join('\n')
    .replaceAll(/\d+|"[^"]*"|'[^']*'/g, '…')
}

function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}
