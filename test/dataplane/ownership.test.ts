import { expect, test } from 'vitest'
import type { Driver } from '../../src/dataplane/driver.ts'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import { seededRandom } from '../../src/record/recording.ts'
import { refusal } from '../support/refusal.ts'
import * as e from './entries.ts'
import * as ip from './ip-entries.ts'
import { LateDriver } from './late-driver.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

const NO_EXTERNAL_DEVICES = { bridges: [], vxlans: [], localMacs: [] }

const late = ({ driver, clock }: MemoryLab) => new LateDriver(driver, { clock, random: seededRandom(1) })
const drivers: [string, (lab: MemoryLab) => Driver][] = [
  ['at once', ({ driver }) => driver],
  ['late', (lab) => late(lab).driver],
]

test.each(drivers)(
  'a removal that the kernel refuses is reported, and does not block the others: answers come %s',
  async (_, driverOf) => {
    const lab = memoryLab()
    lab.addUp('tap1', 'tap2')
    const dataplane = lab.restart()
    const own = [...e.network, ip.red, ip.port('tap2'), ip.label(16, 'tap2 via 192.0.2.9')]
    for (const entry of [...own, e.remote(2)]) dataplane.want(entry)
    await lab.wait(dataplane.settled(own))
    dataplane.stop()
    lab.driver.fail(
      (op, { device }) => op === 'remove' && device === 'vx0',
      refusal('EBUSY', 'another program holds it'),
    )
    const answers = async (): Promise<unknown[]> => {
      const objects = await ownedObjects(driverOf(lab), NO_EXTERNAL_DEVICES)
      const found: unknown[] = []
      for (const { what, remove } of objects) found.push([what, (await remove())?.text ?? null])
      return found
    }
    expect(await lab.wait(answers())).toEqual([
      ['label 16', null],
      ['port tap2 of bvrf-1', null],
      ['port tap1 of br0', null],
      ['vrf bvrf-1 (chanter:red)', null],
      ['vxlan vx0 (chanter:net1)', 'EBUSY: another program holds it'],
      ['bridge br0 (chanter:net1)', null],
    ])
    expect([...lab.driver.kernel.links.keys()].sort()).toEqual(['lo', 'tap1', 'tap2', 'vx0'])
  },
)

test('one request removes many links, though its answer is late', async () => {
  const lab = memoryLab()
  const dataplane = lab.restart()
  const vrfs = [ip.red, ip.blue]
  for (const vrf of vrfs) dataplane.want(vrf)
  await lab.wait(dataplane.settled(vrfs))
  dataplane.stop()
  const kernel = late(lab)
  const objects = await lab.wait(ownedObjects(kernel.driver, NO_EXTERNAL_DEVICES))
  const { length } = kernel.asked
  expect(await lab.wait(Promise.all(objects.map(({ remove }) => remove())))).toEqual([null, null])
  expect(kernel.asked.slice(length)).toEqual(['removeLinks'])
  expect([...lab.driver.kernel.links.keys()]).toEqual(['lo'])
})
