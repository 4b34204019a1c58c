import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runIn } from './network.ts'
import { addressesOf, TwoNodes } from './two-nodes.ts'
import { SENDS_MPLS_IN_UDP } from './udp.ts'

const WAYS = ['core', '*gre*', ...(SENDS_MPLS_IN_UDP ? ['*udp*'] : [])]

describe.each(WAYS)('two daemons, packets by mpls_interface = %s', (mplsInterface) => {
  let nodes: TwoNodes

  beforeAll(async () => {
    nodes = new TwoNodes(mplsInterface, [1, 2, 3])
    await nodes.start()
  }, 120_000)

  afterAll(() => nodes.close())

  test('VMs of one subnet on two nodes reach each other, IPv4 and IPv6', async () => {
    const [importTargets, exportTargets] = [['64512:10', '64512:20'], ['64512:10']]
    await nodes.attach(1, { instance: 'red', importTargets, exportTargets })
    await nodes.attach(2, { instance: 'red', importTargets: exportTargets, exportTargets })
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
    await nodes.replaceDaemon(0, () => expect(table()).toBe(before))
    await nodes.reaches(1, addressesOf(2).ipv4)
    expect(table()).toBe(before)
  })
})
