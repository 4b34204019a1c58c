import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from './linux-lab.ts'
import { run } from './namespace.ts'

let lab: Lab
let dataplane: Reconciler

beforeEach(() => {
  lab = linuxLab()
  dataplane = lab.restart()
  lab.addInterface('tap1')
})
afterEach(() => lab.close())

const IPV4 = e.neighbour('10.0.0.2', 2)
const IPV6 = e.neighbour('2001:db8::3', 3)

const disable = (value: number) => run(`sysctl -qw net.ipv6.conf.br0.disable_ipv6=${value}`)

test('IPv6 neighbours of a bridge with IPv6 disabled are not needed, until it is enabled', async () => {
  const entries = [...e.network, IPV4, IPV6]
  for (const entry of entries) dataplane.want(entry)
  await lab.until(() => lab.holds(IPV6) && lab.holds(IPV4))
  disable(1)
  await lab.until(() => dataplane.status(IPV6).state === 'unneeded')
  expect(dataplane.statuses.counts()).toMatchObject({ wanted: 5, failed: 0 })
  dataplane.want(e.neighbour('2001:db8::4', 4))
  await lab.until(() => dataplane.statuses.unneeded().get('br0') === 2)
  expect(await dataplane.verifier.verify()).toMatchObject({ faults: [], failed: 0, pending: 0 })
  disable(0)
  lab.setDown('br0') // and up again, by the daemon, which does not wait for the next try then
  await lab.until(() => lab.holds(IPV6) && dataplane.statuses.unneeded().size === 0)
})
