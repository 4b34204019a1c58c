import { parseArgs } from 'node:util'
import { removeLabs } from '../src/lab/stale-labs.ts'
import { removeAbandoned } from '../test/interop/scenarios/container-lab.ts'
import { buildImages, containers, imagesOf } from '../test/interop/scenarios/containers.ts'
import { Engine, NoEngine } from '../test/interop/scenarios/engine.ts'
import { SCENARIOS } from '../test/interop/scenarios/index.ts'
import { namespaces } from '../test/interop/scenarios/namespaces.ts'
import { type Outcome, play, type Runner } from '../test/interop/scenarios/runner.ts'

/** Plays the scenarios of test/interop/scenarios in containers, or where no engine runs in network namespaces, and prints a table. */
const { values } = parseArgs({
  options: {
    namespaces: { type: 'boolean', default: false },
    engine: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
})

if (values.engine) reportEngine()

const started = performance.now()
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1)
const chosen = SCENARIOS.filter(({ name, peer }) => `${name}, ${peer}`.includes(values.only))
if (chosen.length === 0) throw new Error(`no scenario's name has "${values.only}" in it`)
const runner = values.namespaces ? namespaces : await bestRunner()
const outcomes: Outcome[] = []
for (const scenario of chosen) {
  console.log(`${seconds().padStart(6)} s  ${scenario.name}, ${scenario.peer}`)
  const outcome = await play(
    runner,
    scenario,
    values.verbose ? (step) => console.log(`          ${step}`) : undefined,
  )
  outcomes.push(outcome)
  if (outcome.failure !== undefined) console.log(`FAILED: ${outcome.failure}`)
}

console.log(`\n${table(outcomes)}\n`)
const failed = outcomes.filter(({ failure }) => failure !== undefined).length
console.log(
  `${outcomes.length - failed} of ${outcomes.length} scenarios pass with ${runner.name}, ${seconds()} s in all`,
)
process.exit(failed === 0 ? 0 : 1)

/** Only reports which engine there is; or why none, with exit code 1. */
function reportEngine(): never {
  try {
    console.log(Engine.find().version())
    process.exit(0)
  } catch (error) {
    if (!(error instanceof NoEngine)) throw error
    console.log(error.message)
    process.exit(1)
  }
}

/** Containers where there is an engine, which is printed; else namespaces, and why. */
async function bestRunner(): Promise<Runner> {
  try {
    const engine = Engine.find()
    console.log(`engine: ${engine.version()}`)
    removeAbandoned(engine)
    await buildImages(engine, imagesOf(chosen))
    console.log(`${seconds().padStart(6)} s  images are built`)
    return containers(engine)
  } catch (error) {
    if (!(error instanceof NoEngine)) throw error
    console.log(`NO CONTAINERS: ${error.message}. The scenarios are played in network namespaces instead.`)
    removeLabs({ kept: false })
    return namespaces
  }
}

function table(all: readonly Outcome[]): string {
  const head = ['scenario', 'peer', 'versions', 'result', 'seconds', 'packets lost']
  const rows = all.map(({ scenario, failure, versions, flows, seconds }) => [
    scenario.name,
    scenario.peer,
    versions.join(', '),
    failure === undefined ? 'pass' : 'FAIL',
    seconds.toFixed(1),
    flows.sent === 0 ? '' : `${flows.lost} of ${flows.sent}`,
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
