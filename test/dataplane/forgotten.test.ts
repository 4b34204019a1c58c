import { expect, test, vi } from 'vitest'
import * as e from './entries.ts'
import { memoryLab } from './memory-lab.ts'

test('an unreadable device that was unwanted is not read again for the next one of its name', async () => {
  const lab = memoryLab()
  lab.addUp('tap1', 'vx9')
  const entry = { ...e.remote(2), device: 'vx9' }
  const dataplane = lab.restart()
  const { driver } = lab
  const dump = driver.dump.bind(driver)
  let isBroken = true
  const dumps = vi.spyOn(driver, 'dump').mockImplementation(function* (device) {
    if (isBroken) throw new Error('EMFILE')
    yield* dump(device)
  })
  dataplane.want(entry)
  await lab.until(() => dumps.mock.calls.length === 1)
  dataplane.unwant(entry)
  await lab.clock.run(10)
  isBroken = false
  dataplane.want(entry)
  await lab.calm()
  expect(dumps.mock.calls).toEqual([['vx9'], ['vx9']])
  lab.close()
})
