import { expect, test, vi } from 'vitest'
import type { TableEntry } from '../../src/dataplane/kinds/index.ts'
import { Changer } from '../../src/dataplane/linux/change.ts'
import { EAFNOSUPPORT, EOPNOTSUPP } from '../../src/dataplane/linux/constants.ts'
import type { Kernel } from '../../src/dataplane/linux/kinds/definition.ts'
import { NetlinkWriter } from '../../src/dataplane/linux/message.ts'
import { allRefused, ipv6Disabled, kernelRefusal } from '../../src/dataplane/refusal.ts'
import * as e from './ip-entries.ts'

vi.mock('../../src/dataplane/linux/sysctl.ts', async (original) => {
  const real = await original<typeof import('../../src/dataplane/linux/sysctl.ts')>()
  return { ...real, hasIpv6: () => false, isIpv6Disabled: () => true }
})

/** On a kernel that was booted with `ipv6.disable=1`, and refuses all that is of IPv6 in this way. */
function changer(errno: number): Changer {
  const writer = new NetlinkWriter()
  let sequence = 0
  const requests = {
    writer,
    begin: (type: number, flags: number) => writer.begin(type, flags, ++sequence),
    end: () => writer.end(),
    send() {
      const refused = allRefused(writer.count, kernelRefusal(errno))
      writer.clear()
      return refused
    },
  }
  const links = { lookUp: (name: string) => ({ name, index: 7 }) }
  return new Changer({ requests, links } as unknown as Kernel)
}

const refusalOf = (entry: TableEntry) => changer(EOPNOTSUPP).set([entry]).get(0)

test('a VRF needs no route of IPv6: nothing is reachable by it', () => {
  expect(refusalOf(e.unreachable('::/0'))).toBe(ipv6Disabled)
  expect(refusalOf(e.unreachable('0.0.0.0/0'))).toMatchObject({ code: 'KERNEL_UNSUPPORTED' })
})

test('the neighbour of an IPv6 endpoint is refused in words, and never has to be removed', () => {
  const neighbour = e.fixed('2001:db8::1', 1)
  expect(refusalOf(neighbour)).toMatchObject({ text: `IPv6 is disabled on ${neighbour.device}` })
  expect(changer(EAFNOSUPPORT).remove([neighbour]).size).toBe(0)
})
