import { expect, test } from 'vitest'
import * as e from '../dataplane/entries.ts'
import { labFixture } from '../dataplane/fixture.ts'
import { linuxLab } from './linux-lab.ts'
import { run } from './namespace.ts'

const t = labFixture(linuxLab)

const IPV4 = e.neighbour('10.0.0.2', 2)
const IPV6 = e.neighbour('2001:db8::3', 3)

const disable = (value: number) => run(`sysctl -qw net.ipv6.conf.br0.disable_ipv6=${value}`)

test('IPv6 neighbours of a bridge with IPv6 disabled are not needed, until it is enabled', async () => {
  const entries = [...e.network, IPV4, IPV6]
  for (const entry of entries) t.dataplane.want(entry)
  await t.lab.until(() => t.lab.holds(IPV6) && t.lab.holds(IPV4))
  disable(1)
  await t.lab.until(() => t.dataplane.status(IPV6).state === 'unneeded')
  expect(t.dataplane.statuses.counts()).toMatchObject({ wanted: 5, failed: 0 })
  t.dataplane.want(e.neighbour('2001:db8::4', 4))
  await t.lab.until(() => t.dataplane.statuses.unneeded().get('br0') === 2)
  expect(await t.dataplane.verifier.verify()).toMatchObject({ faults: [], failed: 0, pending: 0 })
  disable(0)
  t.lab.setDown('br0') // and up again, by the daemon, which does not wait for the next try then
  await t.lab.until(() => t.lab.holds(IPV6) && t.dataplane.statuses.unneeded().size === 0)
})
