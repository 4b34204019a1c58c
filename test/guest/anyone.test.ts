import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ip, runIn } from './network.ts'
import { addressesOf, TwoNodes } from './two-nodes.ts'
import { SENDS_MPLS_IN_UDP } from './udp.ts'

/** VM 2 hears of VM 1, which does not hear of it. */
const TARGETS = [
  { importTargets: ['64512:20'], exportTargets: ['64512:10'] },
  { importTargets: ['64512:10'], exportTargets: ['64512:30'] },
]

describe.each([
  ['*gre*', false],
  ['*gre*', true],
  ...(SENDS_MPLS_IN_UDP ? [['*udp*', true] as const] : []),
] as const)('mpls_interface = %s, tunnels_from_anyone = %s', (mplsInterface, fromAnyone) => {
  let nodes: TwoNodes

  beforeAll(async () => {
    nodes = new TwoNodes(mplsInterface, [1, 2], { ipvpn: { tunnels_from_anyone: `${fromAnyone}` } })
    await nodes.start()
    for (const n of [1, 2]) await nodes.attach(n, { instance: 'red', ...TARGETS[n - 1]! })
    const { namespace } = nodes.hostOf(2)
    const { ipv4 } = addressesOf(1)
    await nodes.lab.eventually('the second node has a route to VM 1', async () => {
      const said = runIn(namespace, 'ip route show table all')
      return said.includes(`${ipv4} `) ? { value: said } : { seen: said }
    })
  }, 120_000)

  afterAll(() => nodes.close())

  test('a provider edge that announces nothing to us reaches our VMs only if all may', async () => {
    for (const address of [addressesOf(1).ipv4, addressesOf(1).ipv6])
      expect(await nodes.isAnswered(2, address)).toBe(false)
    expect(nodes.echoes(1)).toBe(fromAnyone ? 2 : 0)
  })

  test('a packet in a tunnel that has no label gets nowhere', async () => {
    const [one, two] = nodes.hosts.map(({ namespace }) => namespace) as [string, string]
    const tunnel = mplsInterface === '*gre*' ? 'mpls---0a000001' : 'mpls-u-0a000001'
    ip(two, 'link add here up type dummy', 'address add 198.51.100.2/32 dev here')
    ip(two, `route add 198.51.100.1/32 dev ${tunnel} src 198.51.100.2`)
    ip(one, 'link add here up type dummy', 'address add 198.51.100.1/32 dev here')
    ip(one, 'route add 198.51.100.2/32 via 10.0.0.2 dev core')
    const ping = nodes.lab.exec(two, 'ping', '-c', '1', '-W', '0.3', '198.51.100.1')
    await expect(ping).rejects.toThrow()
  })
})
