import { afterAll, expect, test } from 'vitest'
import { Lab } from '../../src/lab/lab.ts'
import { playChaos } from '../chaos/chaos.ts'
import { FAULTS } from '../chaos/faults/index.ts'

/** The short form of `make chaos`: the same faults each time, see docs/testing.md. */
const SEED = 3
const STEPS = 12

const lab = new Lab()
afterAll(() => lab.close())

test(`after each of ${STEPS} steps of faults, forwarding, status and sessions are as they should be`, async () => {
  const history: string[] = []
  await playChaos(lab, {
    seed: SEED,
    faults: FAULTS,
    goesOn: (step) => step <= STEPS,
    report: (line) => void history.push(line),
  }).catch((error: Error) => {
    throw new Error(
      `${error.message}\n${history.join('\n')}\nplay it again with: make chaos SEED=${SEED} STEPS=${STEPS}`,
    )
  })
  expect(history.filter((line) => /^\d+:/.test(line))).toHaveLength(STEPS)
})
