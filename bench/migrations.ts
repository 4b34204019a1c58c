import { REFLECTORS } from '../src/lab/two-nodes.ts'
import { ARRIVALS, type Migration, Migrations, ORDERS } from '../test/support/migrations.ts'

/**
 * A VM that moves between two nodes in every order of attach, detach and arrival, while a third node sends it 1,000 packets a second: how long
 * packets are lost, beside what the lab itself takes. Needs root; everything happens in network namespaces of its own. On a busy machine,
 * `chrt -r 10` keeps other work out of the figures.
 *   npx tsx bench/migrations.ts [MIGRATIONS]
 */

const [count = 1000] = process.argv.slice(2).map(Number)
const COMPANY = [
  ['other VMs at both nodes', false],
  ['alone at one node', true],
] as const
/** An odd number, so that each order has both directions. */
const ROUND = ORDERS.length * ARRIVALS.length + 1
const rounds = Math.ceil(count / (REFLECTORS.length * COMPANY.length * ROUND))
const all: Migration[] = []
let duplicates = 0

/** Of migrations of one kind. */
function show(what: readonly string[], migrations: readonly Migration[]): void {
  const spread = (values: readonly number[]) => {
    const sorted = values.toSorted((a, b) => a - b)
    return [0.5, 0.99, 1]
      .map((share) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0))
      .join(' / ')
  }
  const outage = spread(migrations.map(({ outageMs }) => outageMs))
  const beside = spread(migrations.map(({ outageMs, labMs }) => outageMs - labMs))
  const strays = migrations.reduce((sum, migration) => sum + migration.strays, 0)
  process.stdout.write(`| ${[...what, migrations.length, outage, beside, strays].join(' | ')} |\n`)
}

process.stdout.write(
  '| reflector | network | old node detached | VM | migrations | outage: p50 / p99 / max, ms | beside the lab: p50 / p99 / max, ms | stray losses |\n',
)
for (const reflector of REFLECTORS)
  for (const [company, alone] of COMPANY) {
    const run = new Migrations(alone)
    try {
      await run.start(reflector)
      for (let round = 0; round < rounds; round++) {
        for (const order of ORDERS) for (const arrival of ARRIVALS) await run.migrate(order, arrival)
        await run.migrate(ORDERS[0], ARRIVALS[0])
      }
      const { there, migrations } = await run.stop()
      for (const order of ORDERS)
        for (const arrival of ARRIVALS)
          show(
            [reflector, company, order, arrival],
            migrations.filter((one) => one.order === order && one.arrival === arrival),
          )
      show([reflector, company, 'any', 'any'], migrations)
      process.stdout.write(
        `${there.sent} packets (${there.packetsASecond}/s), ${there.lost} lost, ${there.duplicates} duplicates\n`,
      )
      all.push(...migrations)
      duplicates += there.duplicates
    } finally {
      run.close()
    }
  }
show(['any', 'any', 'any', 'any'], all)
process.stdout.write(`${duplicates} duplicates\n`)
