import { parseArgs } from 'node:util'
import { simulate } from '../test/sim/simulation.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '200' }, seed: { type: 'string' } },
})
const first = values.seed === undefined ? 1 : Number(values.seed)
const last = values.seed === undefined ? Number(values.seeds) : first
if (!(first >= 0 && last >= first)) throw new Error('SEEDS is a number of networks, SEED the number of one')

const PROGRESS_MS = 2000
const started = performance.now()
let told = started
let nodes = 0
let withPlugs = 0
const failed: number[] = []

for (let seed = first; seed <= last; seed++) {
  const outcome = await simulate(seed)
  nodes += outcome.nodes
  if (outcome.plugged > 0) withPlugs++
  if (outcome.wrong.length > 0) {
    failed.push(seed)
    if (values.seed !== undefined) console.log(outcome.history.join('\n'))
    console.log(`seed ${seed} (${outcome.nodes} nodes, ${outcome.reflectors} reflectors) came to rest wrong:`)
    for (const line of outcome.wrong.slice(0, 10)) console.log(`  ${line}`)
    if (outcome.wrong.length > 10) console.log(`  and ${outcome.wrong.length - 10} more`)
    console.log(`  replay it with: make sim SEED=${seed}`)
  }
  if (performance.now() - told > PROGRESS_MS) {
    told = performance.now()
    console.log(`${seed - first + 1} of ${last - first + 1} networks, ${failed.length} wrong`)
  }
}

const seconds = ((performance.now() - started) / 1000).toFixed(1)
const verdict = failed.length === 0 ? 'all came to rest right' : `wrong: seeds ${failed.join(', ')}`
console.log(`${last - first + 1} networks, ${withPlugs} with plugs, ${nodes} nodes, ${seconds} s: ${verdict}`)
process.exitCode = failed.length === 0 ? 0 : 1
