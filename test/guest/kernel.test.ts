import { afterEach, expect, test } from 'vitest'
import { addNamespaces, addVeth, ip, removeNamespaces, runIn, setSysctl } from './network.ts'

afterEach(removeNamespaces)

test('the kernel of the guest carries an IP VPN over MPLS between two provider edges', () => {
  addNamespaces('pe1', 'pe2', 'ce1', 'ce2')
  addVeth(['pe1', 'core'], ['pe2', 'core'])
  for (const [mine, other] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const pe = `pe${mine}`
    addVeth([pe, 'customer'], [`ce${mine}`, 'eth0'])
    setSysctl(pe, 'net/ipv4/ip_forward', 1)
    setSysctl(pe, 'net/mpls/platform_labels', 1000)
    setSysctl(pe, 'net/mpls/conf/core/input', 1)
    ip(
      pe,
      `address add 10.0.0.${mine}/24 dev core`,
      'link add red up type vrf table 10',
      'link set customer master red',
      `address add 192.168.${mine}.1/24 dev customer`,
      `route add 192.168.${other}.0/24 encap mpls ${100 + other} via inet 10.0.0.${other} dev core table 10`,
    )
    runIn(pe, `ip -f mpls route add ${100 + mine} dev red`)
    ip(`ce${mine}`, `address add 192.168.${mine}.2/24 dev eth0`, `route add default via 192.168.${mine}.1`)
  }
  expect(runIn('ce1', 'ping -c 3 -i 0.2 -W 2 192.168.2.2')).toContain('3 received')
})
