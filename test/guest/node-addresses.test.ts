import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import { formatIp } from '../../src/values/address.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'

let driver: LinuxDriver

beforeAll(() => {
  enterOwnNamespace()
  driver = new LinuxDriver({ clock: systemClock })
  const nothing = () => {}
  const entries = { entryChanged: nothing, fdbChanged: nothing }
  const links = { linkChanged: nothing, linkDisrupted: nothing }
  driver.watch({ ...entries, ...links, routesChanged: nothing, addressesChanged: nothing, overrun: nothing })
  run('ip link add core type dummy')
  run('ip addr add 10.0.0.1/24 dev core')
  run('ip link add red type vrf table 1234')
  run('ip link add bridge7 type bridge')
  run('ip link add tap7 type dummy')
})

afterAll(() => driver.close())

function known(): string[] {
  driver.poll()
  const addresses = driver.nodeAddresses().map(({ ip }) => formatIp(ip))
  return addresses.filter((ip) => /^(10|203)/.test(ip)).sort()
}

test('addresses of VRFs and their ports do not belong to the machine, at any depth', () => {
  run('ip addr add 203.0.113.1/32 dev red')
  run('ip addr add 203.0.113.2/24 dev bridge7')
  run('ip addr add 203.0.113.3/24 dev tap7')
  expect(known()).toEqual(['10.0.0.1', '203.0.113.2', '203.0.113.3'])
  run('ip link set tap7 master bridge7')
  run('ip link set bridge7 master red')
  expect(known()).toEqual(['10.0.0.1'])
  run('ip link set bridge7 nomaster')
  expect(known()).toEqual(['10.0.0.1', '203.0.113.2', '203.0.113.3'])
})
