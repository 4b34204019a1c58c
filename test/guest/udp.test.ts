import { expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { labFixture } from '../dataplane/fixture.ts'
import * as e from '../dataplane/ip-entries.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'
import { SENDS_MPLS_IN_UDP } from './udp.ts'

enterOwnNamespace()

const t = labFixture(linuxLab, () => {})

async function reasonFor(entry: Entry): Promise<string | null> {
  t.dataplane.want(entry)
  const [open] = await t.dataplane.settled([entry])
  return open?.status.reason ?? null
}

const tunnel = { ...e.gre, device: 'udp-2', encapsulation: 'udp' } as const
const tunnel6 = {
  ...tunnel,
  device: 'udp-6',
  local: e.hop('x via 2001:db8::1').via!,
  remote: e.hop('x via 2001:db8::2').via!,
}

test('UDP port 6635 of another program is reported, and not touched', async () => {
  run('ip fou add port 6635 ipproto 4 local 127.0.0.1')
  const before = run('ip fou show')
  const reason = 'EADDRINUSE: UDP port 6635 is in use by another program'
  expect(await reasonFor(e.udpPort)).toBe(reason)
  t.dataplane.unwant(e.udpPort)
  await t.lab.calm()
  expect(run('ip fou show')).toBe(before)
  run('ip fou del port 6635 local 127.0.0.1')
  expect(await reasonFor(e.udpPort)).toBeNull()
})

if (SENDS_MPLS_IN_UDP) {
  test('a tunnel in UDP is created, adopted, and recreated after a deletion', async () => {
    for (const each of [tunnel, tunnel6]) expect(await reasonFor(each)).toBeNull()
    const indexes = () => ['udp-2', 'udp-6'].map((name) => t.lab.indexOf(name))
    const before = indexes()
    expect([tunnel, tunnel6].every((each) => t.lab.holds(each))).toBe(true)
    t.restart()
    for (const each of [tunnel, tunnel6]) expect(await reasonFor(each)).toBeNull()
    t.dataplane.complete()
    await t.lab.calm()
    expect(indexes()).toEqual(before)
    for (const each of [tunnel, tunnel6]) {
      t.lab.deleteLink(each.device)
      await t.lab.until(() => t.lab.holds(each))
    }
    expect(await reasonFor({ ...tunnel, encapsulation: 'gre' })).toBeNull()
    expect(t.lab.driver.link('udp-2')).toMatchObject({ kind: 'gre', encapsulation: 'gre' })
  })
} else {
  test('a kernel that sends no MPLS in UDP names the missing feature', async () => {
    expect(await reasonFor(tunnel)).toMatch(/^EINVAL.*CONFIG_NET_FOU_IP_TUNNELS.*modprobe fou$/)
    expect(await reasonFor(tunnel6)).toMatch(/^EINVAL.*CONFIG_NET_FOU_IP_TUNNELS.*modprobe fou6$/)
  })
}
