import { expect, test, vi } from 'vitest'
import { refusal } from '../support/refusal.ts'
import { advertised, clock, node, wanted } from './service-setup.ts'

/** What happens on a machine without file descriptors. */
const lost = new Error('netlink socket: EMFILE')

/** The kernel refuses the VXLAN device, and cannot be asked for the one that is in the way. */
function failBoth(): () => void {
  const ask = vi.spyOn(node.driver, 'vxlansOn').mockImplementation(() => {
    throw lost
  })
  node.driver.fail((op, entry) => op === 'set' && entry.kind === 'vxlan', {
    ...refusal('EEXIST', 'in use'),
    code: 'KERNEL_EXISTS',
  })
  return () => ask.mockRestore()
}

test('an attach whose refusal cannot be explained leaves nothing behind', async () => {
  const labels = [...node.vpns.labels.entries()]
  const recover = failBoth()
  await expect(node.attach()).rejects.toThrow('EMFILE')
  recover()
  clock.advance(10_000)
  expect(wanted(node)).toEqual([])
  expect(node.driver.kernel.links.get('tap1')?.master ?? null).toBeNull()
  expect(advertised(node)).toEqual([])
  expect([...node.vpns.labels.entries()]).toEqual(labels)
  expect(node.vpns.snapshot()).toMatchObject({ instances: [], pending: [] })

  await node.attach({ instanceId: 'net2' })
  expect(node.isInStep).toBe(true)
})
