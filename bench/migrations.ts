import { REFLECTORS } from '../src/lab/two-nodes.ts'
import { ARRIVALS, type Migration, Migrations, ORDERS } from '../test/support/migrations.ts'

/**
 * A VM that moves between two nodes in every order of attach, detach and arrival, while a third node sends it 1,000 packets a second: how long
 * packets are lost, beside what the lab itself takes. Needs root; everything happens in network namespaces of its own.
 *   npx tsx bench/migrations.ts [MIGRATIONS]
 */

const [count = 1000] = process.argv.slice(2).map(Number)
const rounds = Math.ceil(count / (REFLECTORS.length * ORDERS.length * ARRIVALS.length))

/** Of all that moved in one order. */
function show(what: string, migrations: readonly Migration[]): string {
  const spread = (values: readonly number[]) => {
    const sorted = values.toSorted((a, b) => a - b)
    const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0)
    return `${at(0.5)} / ${at(0.99)} / ${at(1)}`
  }
  const outage = spread(migrations.map(({ outageMs }) => outageMs))
  const beside = spread(migrations.map(({ outageMs, labMs }) => outageMs - labMs))
  const strays = migrations.reduce((sum, migration) => sum + migration.strays, 0)
  return `| ${what} | ${migrations.length} | ${outage} | ${beside} | ${strays} |\n`
}

process.stdout.write(
  '| reflector | the old node is detached | the VM | migrations | outage p50 / p99 / max, ms | beside the lab, ms | stray losses |\n',
)
const all: Migration[] = []
for (const reflector of REFLECTORS) {
  const run = new Migrations()
  try {
    await run.start(reflector)
    for (let round = 0; round < rounds; round++) {
      for (const order of ORDERS) for (const arrival of ARRIVALS) await run.migrate(order, arrival)
      // an odd number, so that each order has both directions
      await run.migrate(ORDERS[0], ARRIVALS[0])
    }
    const { there, migrations } = await run.stop()
    for (const order of ORDERS)
      for (const arrival of ARRIVALS)
        process.stdout.write(
          show(
            `${reflector} | ${order} | ${arrival}`,
            migrations.filter((one) => one.order === order && one.arrival === arrival),
          ),
        )
    process.stdout.write(
      `${reflector}: ${there.sent} packets (${there.packetsASecond}/s), ${there.lost} lost, ${there.duplicates} duplicates\n`,
    )
    all.push(...migrations)
  } finally {
    run.close()
  }
}
process.stdout.write(show('both | all | all', all))
