import { parseArgs } from 'node:util'
import { Lab } from '../src/lab/lab.ts'
import { removeLabs } from '../src/lab/stale-labs.ts'
import { playChaos } from '../test/chaos/chaos.ts'
import { FAULTS } from '../test/chaos/faults/index.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    steps: { type: 'string', default: 'Infinity' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
if (!Number.isSafeInteger(seed)) throw new Error('SEED is a number')
const seconds = Number(values.seconds)
const steps = Number(values.steps)
if (!(seconds > 0 && steps > 0)) throw new Error('TIME is a number of seconds, STEPS one of faults')
const names = values.faults?.split(',') ?? FAULTS.map(({ name }) => name)
const faults = FAULTS.filter(({ name }) => names.includes(name))
if (faults.length < new Set(names).size)
  throw new Error(`FAULTS are some of ${FAULTS.map(({ name }) => name).join(',')}`)

removeLabs({ kept: false })
const started = performance.now()
const history: string[] = []
let played = 0
const lab = new Lab()
try {
  console.log(`seed ${seed}`)
  await playChaos(lab, {
    seed,
    faults,
    goesOn(step) {
      if (step > steps || performance.now() - started > seconds * 1000) return false
      played = step
      return true
    },
    report(line) {
      const at = ((performance.now() - started) / 1000).toFixed(1).padStart(6)
      history.push(line)
      console.log(`${at} s  ${line}`)
    },
  })
  console.log(`seed ${seed}: ${played} steps, all well after each`)
} catch (error) {
  process.exitCode = 1
  console.log(`seed ${seed}, step ${played}: ${error instanceof Error ? error.message : error}`)
  console.log(`\nhow it came to that:\n${history.join('\n')}`)
  const some = values.faults === undefined ? '' : ` FAULTS=${values.faults}`
  console.log(`\nplay it again with: make chaos SEED=${seed} STEPS=${played}${some}`)
} finally {
  if (values.keep && process.exitCode === 1) {
    lab.keep()
    console.log(`it is left running in ${lab.directory}; chanter demo --cleanup ends it`)
  } else lab.close()
}
