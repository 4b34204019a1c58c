import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { session } from '../support/interop.ts'
import { attach, type Customer, detach, Fleet } from './fleet.ts'
import { labelledPackets } from './network.ts'

const TARGETS = { imports: ['64512:10'], exports: ['64512:10'] }
const LINK = 'fd00:77::'

let fleet: Fleet
let one: LabDaemon
let two: LabDaemon
let vm1: Customer
let vm2: Customer

beforeAll(async () => {
  fleet = new Fleet(LINK)
  const pe1 = fleet.addHost('pe1', 11)
  const pe2 = fleet.addHost('pe2', 12)
  vm1 = fleet.addCustomer(pe1, 1, 1)
  vm2 = fleet.addCustomer(pe2, 2, 2)
  one = await fleet.startDaemon(pe1, [pe2], { BGP: { router_id: '10.77.0.11' } })
  two = await fleet.startDaemon(pe2, [pe1], { BGP: { router_id: '10.77.0.12' } })
  await session(fleet.lab, one, pe2.address, true)
})

afterAll(() => fleet.lab.close())

test('VMs behind nodes that have IPv6 addresses alone reach each other, IPv4 and IPv6', async () => {
  await attach(one, vm1, TARGETS)
  await attach(two, vm2, TARGETS)
  for (const prefix of ['10.0.2.2/32', '2001:db8:2::2/128']) {
    const way = (await fleet.waysTo(one.host, prefix, 1)).trim()
    console.log(way)
    expect(way).toContain(`${LINK}12 dev core`)
  }
  const before = labelledPackets(two.host.namespace, 'core')
  await fleet.reaches(vm1, vm2)
  await fleet.reaches(vm2, vm1)
  expect(labelledPackets(two.host.namespace, 'core') - before).toBeGreaterThanOrEqual(12)
})

test('a path is gone with the VM', async () => {
  await detach(two, vm2)
  await fleet.waysTo(one.host, '10.0.2.2/32', 0)
  await fleet.waysTo(one.host, '2001:db8:2::2/128', 0)
})
