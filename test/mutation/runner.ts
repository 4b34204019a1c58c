import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createVitest, type Vitest } from 'vitest/node'
import type { Area } from './areas.ts'

/** What a runner is asked: run the tests of an area with a file that reads like this. */
export interface Trial {
  readonly file: string
  readonly text: string
  readonly tests: Area['tests']
  /** How long each phase may take. */
  readonly patienceMs: number
}

export interface Outcome {
  /** Whether a test noticed; null where it ran out of time, and the process is of no use any more. */
  readonly killed: boolean | null
  /** How long the longest phase took. */
  readonly phaseMs: number
}

/**
 * Runs tests on mutated sources, in a process of its own since a mutant may run without end. Its working directory is a copy
 * of the project, in which it writes.
 */
async function serve(): Promise<void> {
  const vitest = await createVitest('test', {
    config: false,
    root: process.cwd(),
    include: ['test/**/*.test.ts'],
    watch: false,
    bail: 1,
    reporters: [{}],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    testTimeout: 20_000,
  })
  process.on('message', async (trial: Trial) => {
    const outcome = await outcomeOf(vitest, trial)
    process.send?.(outcome)
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ killed: false, phaseMs: 0 } satisfies Outcome)
}

async function outcomeOf(vitest: Vitest, { file, text, tests, patienceMs }: Trial): Promise<Outcome> {
  const original = readFileSync(file)
  writeFileSync(file, text)
  vitest.invalidateFile(resolve(file))
  let killed: boolean | null = false
  let phaseMs = 0
  for (const phase of tests) {
    const begun = performance.now()
    killed = await Promise.race([fails(vitest, phase), delay(patienceMs, null)])
    phaseMs = Math.max(phaseMs, performance.now() - begun)
    if (killed !== false) break
  }
  writeFileSync(file, original)
  vitest.invalidateFile(resolve(file))
  return { killed, phaseMs }
}

async function fails(vitest: Vitest, files: readonly string[]): Promise<boolean> {
  const specifications = await vitest.globTestSpecifications([...files])
  // failures of earlier runs would count for `bail`
  vitest.state.filesMap.clear()
  vitest.state.idMap.clear()
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
  return unhandledErrors.length > 0 || testModules.some((one) => !one.ok())
}

await serve()
