import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { attach, type Customer, detach, Fleet } from './fleet.ts'
import { ip, runIn } from './network.ts'

/**
 * Without the EVPN mechanism of networking-bagpipe, the Linux bridge agent's BGPVPN extension names the bridge of a network as the port of its
 * endpoints in an IP VPN.
 */

const TARGETS = { imports: ['64512:1'], exports: ['64512:1'] }
const BRIDGE = 'brq1'

let fleet: Fleet
let daemon: LabDaemon
/** The first two are in one network, behind a bridge; the third is behind a port of its own. */
let customers: readonly [Customer, Customer, Customer]

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  const host = fleet.addHost('node1', 11)
  ip(host.namespace, `link add ${BRIDGE} up type bridge forward_delay 0`)
  customers = [fleet.addCustomer(host, 1, 1), fleet.addCustomer(host, 2, 1), fleet.addCustomer(host, 3, 3)]
  for (const { port } of customers.slice(0, 2)) ip(host.namespace, `link set ${port} master ${BRIDGE} up`)
  daemon = await fleet.startDaemon(host, [])
}, 120_000)

afterAll(() => fleet.lab.close())

test('the VMs behind a bridge reach the IP VPN and each other', async () => {
  const [one, two, three] = customers
  for (const customer of [one, two]) await attach(daemon, { ...customer, port: BRIDGE }, TARGETS)
  await attach(daemon, three, TARGETS)
  for (const customer of [one, two]) await fleet.reaches(customer, three)
  await fleet.reaches(one, two)
})

test('a bridge with an address of the node is none', async () => {
  const [one] = customers
  ip(one.home.namespace, 'link add virbr0 up type bridge', 'address add 203.0.113.5/24 dev virbr0')
  await expect(attach(daemon, { ...one, port: 'virbr0' }, TARGETS, 'other')).rejects.toThrow(
    'local_port: virbr0 has an address of this node, 203.0.113.5: expected a bridge for VMs alone',
  )
  expect(runIn(one.home.namespace, 'ip -d link show virbr0')).not.toContain(' master ')
})

test('the bridge goes back to the host as it was', async () => {
  const [one, two] = customers
  for (const customer of [one, two]) await detach(daemon, { ...customer, port: BRIDGE })
  await fleet.lab.eventually('the bridge is in no VRF', async () => {
    const shown = runIn(one.home.namespace, `ip -d link show ${BRIDGE}`)
    return / master /.test(shown) ? { seen: shown } : { value: shown }
  })
  const shown = ['address show', 'neigh show nud permanent']
    .map((what) => runIn(one.home.namespace, `ip ${what} dev ${BRIDGE}`))
    .join('')
  expect(shown).toMatch(/<[^>]*\bUP\b/)
  expect(shown).not.toContain('inet 10.')
  await fleet.reaches(one, two)
})
