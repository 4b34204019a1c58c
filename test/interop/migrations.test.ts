import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LONGEST_OUTAGE_MS } from '../support/flow.ts'
import { ARRIVALS, Migrations, ORDERS } from '../support/migrations.ts'

/** `bench/migrations.ts` plays many more. */
describe.each([
  ['chanter', false],
  ['gobgp', true],
] as const)('a VM migrates behind %s, alone in its network at one node: %s', (reflector, alone) => {
  let run: Migrations

  beforeAll(async () => {
    run = new Migrations(alone)
    await run.start(reflector)
  })

  afterAll(() => run.close())

  test('packets follow it in every order of attach, detach and arrival, none of them twice', async () => {
    for (const order of ORDERS) for (const arrival of ARRIVALS) await run.migrate(order, arrival)
    const { there, migrations } = await run.stop()
    for (const { order, arrival, outageMs, labMs, strays } of migrations)
      console.log(
        `${reflector}: ${arrival}, old node detached ${order}: ${Math.round(outageMs)} ms (${Math.round(labMs)} ms of the lab), ${strays} stray losses`,
      )
    expect(there.duplicates).toBe(0)
    for (const { outageMs } of migrations) expect(outageMs).toBeLessThan(LONGEST_OUTAGE_MS)
  })
})
