import { parseArgs } from 'node:util'
import { INGREDIENT_NAMES, INGREDIENTS, type Ingredient, SWITCHED_ON } from '../test/sim/ingredients.ts'
import { shrink } from '../test/sim/shrink.ts'
import { type Outcome, play } from '../test/sim/simulation.ts'
import { drawStory } from '../test/sim/story.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    ingredients: { type: 'string', default: SWITCHED_ON.join() },
  },
})
const first = values.seed === undefined ? 1 : Number(values.seed)
const last = values.seed === undefined ? Number(values.seeds) : first
if (!(first >= 0 && last >= first)) throw new Error('SEEDS is a number of networks, SEED the number of one')
if (values.shrink && values.seed === undefined) throw new Error('SHRINK is for the SEED of one network')
if (values.ingredients === 'list') {
  for (const name of INGREDIENT_NAMES) {
    const { what, off }: Ingredient = INGREDIENTS[name]
    console.log(`${name}: ${what}${off === null ? '' : `; off: ${off}`}`)
  }
  process.exit()
}
const named = values.ingredients === 'all' ? INGREDIENT_NAMES : values.ingredients.split(',')
const allowed = INGREDIENT_NAMES.filter((name) => named.includes(name))
if (values.ingredients !== '' && allowed.length < named.length)
  throw new Error(`INGREDIENTS is all, or some of ${INGREDIENT_NAMES.join(', ')}`)
const isUsual = allowed.join() === SWITCHED_ON.join()

const PROGRESS_MS = 2000
const started = performance.now()
let reported = started
let nodes = 0
let withIrbs = 0
const failed: number[] = []

for (let seed = first; seed <= last; seed++) {
  const story = drawStory(seed, allowed)
  const outcome = await play(story)
  nodes += outcome.nodes
  if (outcome.irbs > 0) withIrbs++
  if (outcome.wrong.length > 0) {
    failed.push(seed)
    console.log(`seed ${seed} with ${[...story.has].join(', ') || 'nothing else'}:`)
    if (values.shrink) {
      const shrunk = await shrink(story, (left) => console.log(`  wrong after ${left} events as well`))
      print(await play(shrunk), true)
    } else print(outcome, values.seed !== undefined)
    const others = isUsual ? '' : ` INGREDIENTS=${allowed.join()}`
    console.log(`  replay it with: make sim SEED=${seed}${others}, and SHRINK=1 for the fewest events`)
  }
  if (performance.now() - reported > PROGRESS_MS) {
    reported = performance.now()
    console.log(`${seed - first + 1} of ${last - first + 1} networks, ${failed.length} wrong`)
  }
}

function print({ wrong, history, nodes, reflectors }: Outcome, inFull: boolean): void {
  if (inFull) console.log(history.join('\n'))
  console.log(`  ${nodes} nodes and ${reflectors} reflectors came to rest wrong:`)
  for (const line of wrong.slice(0, 10)) console.log(`  ${line}`)
  if (wrong.length > 10) console.log(`  and ${wrong.length - 10} more`)
}

const seconds = ((performance.now() - started) / 1000).toFixed(1)
const verdict = failed.length === 0 ? 'all came to rest right' : `wrong: seeds ${failed.join(', ')}`
console.log(`${last - first + 1} networks, ${withIrbs} with IRBs, ${nodes} nodes, ${seconds} s: ${verdict}`)
process.exitCode = failed.length === 0 ? 0 : 1
