import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { formatIp, type InterfaceAddress, parseIp } from '../../src/values/address.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

let lab: Lab
let known: string[]

const show = (addresses: readonly InterfaceAddress[]) =>
  addresses
    .map(({ ip, prefixLength }) => `${formatIp(ip)}/${prefixLength}`)
    .filter((text) => !/^(127|fe80|::1)/.test(text))
    .sort()

beforeEach(() => {
  lab = linuxLab()
  lab.addInterface('tap1')
  const dataplane = lab.restart()
  dataplane.watchAddresses((addresses) => {
    known = show(addresses)
  })
})

afterEach(() => lab.close())

const untilKnown = (...expected: string[]) => lab.until(() => known.join() === expected.join())

test('the addresses of the machine are known as they come and go, those of loopback as well', async () => {
  expect(known).toEqual([])
  run('ip addr add 192.0.2.1/24 dev tap1')
  run('ip addr add 192.0.2.9/32 dev lo')
  await untilKnown('192.0.2.1/24', '192.0.2.9/32')
  run('ip addr add 2001:db8::1/64 dev tap1 nodad')
  run('ip addr add 198.51.100.1 peer 198.51.100.2/24 dev tap1')
  await untilKnown('192.0.2.1/24', '192.0.2.9/32', '198.51.100.1/32', '2001:db8::1/64')
  run('ip addr flush dev lo scope global')
  run('ip addr flush dev tap1')
  await untilKnown()
})

test('those that we set for tenants, and those of devices of ours, are none of them', async () => {
  run('ip link add br7 type bridge')
  run('ip link set br7 alias chanter:net7')
  run('ip addr add 203.0.113.1/24 dev br7')
  const driver = new LinuxDriver({ clock: systemClock })
  const gateway: Entry = { kind: 'address', device: 'tap1', ip: parseIp('203.0.113.2')!, prefixLength: 24 }
  expect([...driver.set([gateway])]).toEqual([])
  driver.close()
  run('ip addr add 192.0.2.1/24 dev tap1')
  await untilKnown('192.0.2.1/24')
  run('ip link del br7')
  run('ip addr flush dev tap1')
})

test('those that went with their interface are known to be gone', async () => {
  run('ip link add dummy7 type bridge')
  run('ip addr add 192.0.2.1/24 dev dummy7')
  await untilKnown('192.0.2.1/24')
  run('ip link del dummy7')
  await untilKnown()
})
