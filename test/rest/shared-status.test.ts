import { expect, test } from 'vitest'
import { TestNode } from '../support/node.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

test('many who ask for the status at once make the work of one, and none gets an old one', async () => {
  const clock = new VirtualClock()
  const node = new TestNode('10.77.0.11', [], clock, new VirtualNetwork(clock))
  const view = node.view()
  let summaries = 0
  const dataplane = {
    ...view,
    summary: (bridges: readonly string[]) => {
      summaries++
      return view.summary(bridges)
    },
  }
  const api = node.api({ dataplane })
  const status = async () => (await api.inject('/status')).json()
  const [first, ...others] = await Promise.all(Array.from({ length: 30 }, status))
  expect(summaries).toBeLessThan(5)
  for (const other of others) expect(other).toEqual(first)
  await node.withPorts('tap1').attach()
  expect(await status()).not.toEqual(first)
})
