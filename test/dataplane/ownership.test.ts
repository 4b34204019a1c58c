import { expect, test } from 'vitest'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import { refusal } from '../support/refusal.ts'
import * as e from './entries.ts'
import { memoryLab } from './memory-lab.ts'

test('a removal that the kernel refuses is reported, and does not block the others', async () => {
  const lab = memoryLab()
  lab.addInterface('tap1')
  const dataplane = lab.restart()
  for (const entry of [...e.network, e.remote(2)]) dataplane.want(entry)
  await lab.wait(dataplane.settled(e.network))
  dataplane.stop()
  lab.driver.fail(
    (op, { device }) => op === 'remove' && device === 'vx0',
    refusal('EBUSY', 'another program holds it'),
  )
  const all = [...ownedObjects(lab.driver, { bridges: [], vxlans: [], localMacs: [] })]
  expect(all.map(({ what, remove }) => [what, remove()?.text ?? null])).toEqual([
    ['port tap1 of br0', null],
    ['vxlan vx0 (chanter:net1)', 'EBUSY: another program holds it'],
    ['bridge br0 (chanter:net1)', null],
  ])
  expect([...lab.driver.kernel.links.keys()].sort()).toEqual(['lo', 'tap1', 'vx0'])
})
