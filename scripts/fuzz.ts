import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { readCorpus, writeCorpus, writeCrasher } from '../test/fuzz/corpus.ts'
import { Fuzzer } from '../test/fuzz/fuzzer.ts'
import { targets } from '../test/fuzz/targets.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    target: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Date.now() % 0xffff_ffff : Number(values.seed)
if (!(seconds > 0) || !(seed >= 0)) throw new Error('TIME is a number of seconds, SEED one from 0')
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
if (chosen.length === 0) throw new Error(`TARGET is one of ${targets.map(({ name }) => name).join(', ')}`)

const PROGRESS_MS = 2000
const fuzzer = new Fuzzer(chosen, seed, readCorpus)
console.log(`fuzzing ${chosen.map(({ name }) => name).join(', ')} for ${seconds} s with SEED=${seed}`)
const started = performance.now()
let reported = started
await fuzzer.run(seconds * 1000, () => {
  if (performance.now() - reported < PROGRESS_MS) return
  reported = performance.now()
  const kept = fuzzer.lanes.reduce((sum, lane) => sum + lane.kept.length, 0)
  console.log(
    `${((reported - started) / 1000).toFixed(0)} s: ${fuzzer.executions} executions, ${fuzzer.reached} characters of src reached, ${kept} inputs kept, ${fuzzer.finds.length} finds`,
  )
})

for (const { target, corpus, kept, executions, slowestMs } of fuzzer.lanes) {
  if (values.keep && kept.length > 0) writeCorpus(target.name, [...readCorpus(target.name), ...kept])
  console.log(
    `${target.name.padEnd(10)} ${executions} executions, corpus ${corpus.length} (${kept.length} new), slowest ${slowestMs.toFixed(0)} ms`,
  )
}
for (const { target, reason, input } of fuzzer.finds) {
  const name = input && createHash('sha256').update(input).digest('hex').slice(0, 12)
  const file = name === null ? '' : ` (${writeCrasher(target, name, input!)})`
  console.log(`\nfind in ${target}${file}: ${reason}`)
}
console.log(
  `${fuzzer.executions} executions in ${((performance.now() - started) / 1000).toFixed(1)} s, ${fuzzer.finds.length} finds; replay with SEED=${seed}`,
)
process.exitCode = fuzzer.finds.length === 0 ? 0 : 1
