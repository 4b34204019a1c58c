import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDirections } from './directions.ts'
import { testMtu } from './mtu.ts'
import { runIn } from './network.ts'
import { addressesOf, RED, TwoNodes } from './two-nodes.ts'
import { SENDS_MPLS_IN_UDP } from './udp.ts'

/** With the octets of a packet of a VM that fit into 1500 with a label. */
const WAYS: (readonly [mplsInterface: string, mtu: number])[] = [
  ['core', 1496],
  ['*gre*', 1472],
]
if (SENDS_MPLS_IN_UDP) WAYS.push(['*udp*', 1468])

// one pair of daemons for each, since they take ten seconds to start
describe.each(WAYS)('two daemons, packets by mpls_interface = %s', (mplsInterface, mtu) => {
  let nodes: TwoNodes

  beforeAll(async () => {
    nodes = new TwoNodes(mplsInterface, [1, 2, 3, 5, 7])
    // as systemd has it
    runIn(nodes.hostOf(1).namespace, 'sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.ip_forward=1')
    await nodes.start()
  })

  afterAll(() => nodes.close())

  test('VMs of one subnet on two nodes reach each other, IPv4 and IPv6', async () => {
    await nodes.attach(1, { ...RED, importTargets: ['64512:10', '64512:20'] })
    await nodes.attach(2, RED)
    await nodes.reaches(1, addressesOf(2).ipv4)
    await nodes.reaches(2, addressesOf(1).ipv6)
  })

  test('so do VRFs of one node that import each other', async () => {
    await nodes.attach(3, { instance: 'green', importTargets: ['64512:10'], exportTargets: ['64512:20'] })
    await nodes.reaches(1, addressesOf(3).ipv4)
    await nodes.reaches(3, addressesOf(1).ipv4)
  })

  test('a daemon that is killed leaves its routes, and the next one touches none of them', async () => {
    const { namespace } = nodes.hostOf(1)
    const table = () => runIn(namespace, 'ip route show table 1001') + runIn(namespace, 'ip -f mpls route')
    const before = table()
    expect(before).toContain(addressesOf(2).ipv4)
    await nodes.killDaemon(0)
    expect(table()).toBe(before)
    await nodes.startDaemon(0)
    await nodes.reaches(1, addressesOf(2).ipv4)
    expect(table()).toBe(before)
  })

  if (mplsInterface === 'core') describe('direction', () => testDirections(() => nodes))

  describe('MTU', () => testMtu(() => nodes, mtu))
})
