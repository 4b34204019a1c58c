import { globSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { AREAS } from '../test/mutation/areas.ts'
import { type Candidate, MutantRunner, type MutantState } from '../test/mutation/mutant-runner.ts'
import { describeMutant, mutantsOf } from '../test/mutation/mutants.ts'
import { Random } from '../test/sim/random.ts'

const PROGRESS = 20

const { values } = parseArgs({
  options: {
    files: { type: 'string' },
    sample: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
  },
})
const [sample, seed, jobs] = [Number(values.sample), Number(values.seed), Number(values.jobs)]
if (!(sample > 0) || !(seed >= 0) || !(jobs > 0))
  throw new Error('SAMPLE and JOBS are numbers from 1, SEED one from 0')

/** Which files and lines were asked for: `src/bgp/rib/*.ts`, `src/bgp/rib/rib.ts:209`. */
function selection(): (file: string, line: number) => boolean {
  if (values.files === undefined) return () => true
  const asked = new Set(
    values.files.split(/[ ,]+/).flatMap((one) => {
      const [pattern, line] = one.split(':')
      return globSync(pattern!).map((file) => (line === undefined ? file : `${file}:${line}`))
    }),
  )
  return (file, line) => asked.has(file) || asked.has(`${file}:${line}`)
}

function candidates(): Candidate[] {
  const isSelected = selection()
  return AREAS.flatMap((area) =>
    globSync([...area.files])
      .sort()
      .flatMap((file) => {
        const source = readFileSync(file, 'utf8')
        return mutantsOf(file, source)
          .filter(({ line }) => isSelected(file, line))
          .map((mutant) => ({ mutant, area, source }))
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

const percent = (part: number, whole: number) => `${((100 * part) / Math.max(whole, 1)).toFixed(1)} %`

const all = candidates()
const chosen = sampled(all)
console.log(`${chosen.length} of ${all.length} mutants, SEED=${seed}`)
const mutantRunners = Array.from({ length: jobs }, () => new MutantRunner())
process.on('exit', () => {
  for (const mutantRunner of mutantRunners) mutantRunner.close()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const outcomes = new Map<Candidate, MutantState>()
const started = performance.now()
/** What all judges take their next one from. */
const queue = chosen.values()

async function work(mutantRunner: MutantRunner): Promise<void> {
  for (const candidate of queue) {
    const state = await mutantRunner.stateOf(candidate)
    outcomes.set(candidate, state)
    if (state !== 'killed') console.log(`${state}: ${describeMutant(candidate.mutant, candidate.source)}`)
    if (outcomes.size % PROGRESS === 0)
      console.log(
        `${outcomes.size} of ${chosen.length}, ${((performance.now() - started) / 1000).toFixed(0)} s`,
      )
  }
  await mutantRunner.finish()
  mutantRunner.close()
}

await Promise.all(mutantRunners.map(work))

const count = (state: MutantState, some: readonly Candidate[]) =>
  some.filter((one) => outcomes.get(one) === state).length
console.log()
for (const [file, some] of Map.groupBy(chosen, ({ mutant }) => mutant.file)) {
  const survivors = count('survives', some)
  console.log(`${file.padEnd(44)} ${some.length - survivors} killed, ${survivors} survive`)
}
const killed = chosen.length - count('survives', chosen)
console.log(
  `${killed} of ${chosen.length} mutants killed: ${percent(killed, chosen.length)}; ${count('endless', chosen)} of them ran without end`,
)
