import { parseArgs } from 'node:util'
import { Lab } from '../src/lab/lab.ts'
import { removeLabs } from '../src/lab/leftovers.ts'
import type { CellName, Outcome } from '../test/interop/matrix/cell.ts'
import { PEERS } from '../test/interop/matrix/peers/index.ts'
import { runMatrix } from '../test/interop/matrix/run.ts'
import { formatTable } from '../test/interop/matrix/table.ts'

const { values } = parseArgs({
  options: { peers: { type: 'string' }, verbose: { type: 'boolean', default: false } },
})
const names = values.peers === undefined ? Object.keys(PEERS) : values.peers.split(',')
const unknown = names.filter((name) => PEERS[name] === undefined)
if (unknown.length > 0)
  throw new Error(`PEERS are some of ${Object.keys(PEERS).join(',')}, not ${unknown.join(',')}`)

removeLabs({ kept: false })
const lab = new Lab()
const started = performance.now()
const results = new Map(names.map((name) => [name, new Map<CellName, Outcome>()]))
try {
  await runMatrix(lab, names, (peer, cell, outcome) => {
    results.get(peer)!.set(cell, outcome)
    const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5)
    const said = values.verbose || outcome.verdict === 'fail' ? `: ${outcome.note}` : ''
    console.log(`${seconds} s  ${peer}, ${cell}: ${outcome.verdict}${said}`)
  })
} finally {
  lab.close()
}

const outcomes = [...results.values()].flatMap((cells) => [...cells.values()])
const count = (verdict: Outcome['verdict']) =>
  outcomes.filter((outcome) => outcome.verdict === verdict).length
console.log(`\n${formatTable(results)}\n`)
console.log(
  `${outcomes.length} cells, ${((performance.now() - started) / 1000).toFixed(0)} s: ${count('pass')} pass, ${count('fail')} fail, ${count('not supported by peer')} not supported by peer`,
)
process.exit(count('fail') === 0 ? 0 : 1)
