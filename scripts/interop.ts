import { parseArgs } from 'node:util'
import { runSync } from '../src/lab/command.ts'
import { Lab } from '../src/lab/lab.ts'
import { removeLabs } from '../src/lab/stale-labs.ts'
import type { CellName, Outcome } from '../test/interop/matrix/cell.ts'
import { PEERS } from '../test/interop/matrix/peers/index.ts'
import { runMatrix } from '../test/interop/matrix/run.ts'
import { formatTable } from '../test/interop/matrix/table.ts'

const { values } = parseArgs({
  options: { peers: { type: 'string' }, verbose: { type: 'boolean', default: false } },
})
const known = Object.keys(PEERS)
const names = values.peers === undefined ? known : values.peers.split(',')
const unknown = names.filter((name) => !known.includes(name))
if (unknown.length > 0) throw new Error(`PEERS are some of ${known.join(',')}, not ${unknown.join(',')}`)

removeLabs({ kept: false })
const started = performance.now()
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1)
const columns = names.map((name) => ({
  name,
  version: runSync('dpkg-query', '--show', PEERS[name]!.debian).trim().split('\t')[1] ?? '',
  cells: new Map<CellName, Outcome>(),
}))

const lab = new Lab()
try {
  await runMatrix(lab, names, (peer, cell, outcome) => {
    columns.find(({ name }) => name === peer)!.cells.set(cell, outcome)
    const why = values.verbose || outcome.verdict === 'fail' ? `: ${outcome.note}` : ''
    console.log(`${seconds().padStart(5)} s  ${peer}, ${cell}: ${outcome.verdict}${why}`)
  })
} finally {
  lab.close()
}

const outcomes = columns.flatMap(({ cells }) => [...cells.values()])
const count = (verdict: Outcome['verdict']): number =>
  outcomes.filter((outcome) => outcome.verdict === verdict).length
console.log(`\n${formatTable(columns)}\n`)
console.log(
  `${outcomes.length} cells, ${seconds()} s: ${count('pass')} pass, ${count('fail')} fail, ${count('not supported by peer')} not supported by peer`,
)
process.exit(count('fail') === 0 ? 0 : 1)
