import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ip, runIn } from './network.ts'
import { addressesOf, TwoNodes } from './two-nodes.ts'
import { SENDS_MPLS_IN_UDP } from './udp.ts'

/** VM 2 hears of VM 1, which does not hear of it. */
const TARGETS = [
  { importTargets: ['64512:20'], exportTargets: ['64512:10'] },
  { importTargets: ['64512:10'], exportTargets: ['64512:30'] },
]

const WAYS = ['*gre*', ...(SENDS_MPLS_IN_UDP ? ['*udp*'] : [])]

describe.each(WAYS)('mpls_interface = %s', (mplsInterface) => {
  let nodes: TwoNodes

  beforeAll(async () => {
    nodes = new TwoNodes(mplsInterface, [1, 2])
    await nodes.start()
    for (const n of [1, 2]) await nodes.attach(n, { instance: 'red', ...TARGETS[n - 1]! })
    const [one, two] = nodes.hosts.map(({ namespace }) => namespace) as [string, string]
    const { ipv4 } = addressesOf(1)
    await nodes.lab.eventually('the second node has a route to VM 1', async () => {
      const said = runIn(two, 'ip route show table all')
      return said.includes(`${ipv4} `) ? { value: said } : { seen: said }
    })
    ip(one, 'link add here up type dummy', 'address add 198.51.100.1/32 dev here')
    ip(one, 'route add 198.51.100.2/32 via 10.0.0.2 dev core')
    ip(two, 'link add here up type dummy', 'address add 198.51.100.2/32 dev here')
    const tunnel = mplsInterface === '*gre*' ? 'mpls---0a000001' : 'mpls-u-0a000001'
    ip(two, `route add 198.51.100.1/32 dev ${tunnel} src 198.51.100.2`)
  })

  afterAll(() => nodes.close())

  describe.each([false, true])('tunnels_from_anyone = %s', (fromAnyone) => {
    beforeAll(async () => {
      if (!fromAnyone) return
      await nodes.killDaemon(0)
      await nodes.startDaemon(0, { tunnels_from_anyone: 'true' })
    })

    test('a provider edge that advertises nothing to us reaches our VMs only if all may', async () => {
      const before = nodes.echoes(1)
      for (const address of [addressesOf(1).ipv4, addressesOf(1).ipv6])
        expect(await nodes.isAnswered(2, address)).toBe(false)
      expect(nodes.echoes(1) - before).toBe(fromAnyone ? 2 : 0)
    })

    test('a packet in a tunnel that has no label gets nowhere', async () => {
      const [, two = ''] = nodes.hosts.map(({ namespace }) => namespace)
      const ping = nodes.lab.exec(two, 'ping', '-c', '1', '-W', '0.3', '198.51.100.1')
      await expect(ping).rejects.toThrow()
    })
  })
})
