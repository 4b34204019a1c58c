import { expect, test } from 'vitest'
import * as k from '../../src/dataplane/linux/constants.ts'
import { dumpAddresses } from '../../src/dataplane/linux/encode-ip.ts'
import { dump, exhaust } from '../../src/dataplane/linux/requests.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

/** A family that no kernel has addresses of; IPv6 is one where it is off. */
const AF_DECNET = 12

function count(family: number): number {
  let messages = 0
  const write: Parameters<typeof dump>[0]['write'] = (writer) => dumpAddresses(writer, family, 0)
  exhaust(dump({ type: k.RTM_GETADDR, write, visit: () => messages++, nothing: [k.EOPNOTSUPP] }))
  return messages
}

test('a dump of a family that the kernel does not know is empty, though it answers with those of all others', () => {
  run('ip addr add 10.9.0.1/24 dev lo')
  expect(count(k.AF_INET)).toBe(2)
  expect(count(AF_DECNET)).toBe(0)
})
