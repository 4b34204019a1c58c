import { beforeAll, expect, test } from 'vitest'
import { ip, runIn } from './network.ts'
import { addressesOf, RED, type TwoNodes } from './two-nodes.ts'

/** VM 5 may not send, VM 7 is not reached; VM 1 is on their node, VM 2 on the other. */
export function testDirections(nodes: () => TwoNodes): void {
  beforeAll(async () => {
    await nodes().attach(5, { ...RED, direction: 'to-port' })
    await nodes().attach(7, { ...RED, direction: 'from-port' })
  })

  /** How many of two packets, one of each family, get to a VM; there are no answers. */
  async function getThrough(from: number, to: number): Promise<number> {
    const before = nodes().echoes(to)
    for (const address of [addressesOf(to).ipv4, addressesOf(to).ipv6])
      expect(await nodes().isAnswered(from, address)).toBe(false)
    return nodes().echoes(to) - before
  }

  test('one that only receives gets what all send, and they no answer', async () => {
    for (const sender of [1, 2]) expect(await getThrough(sender, 5), `from VM ${sender}`).toBe(2)
  })

  test('its packets get neither into the VRF nor into the main table', async () => {
    const vm = nodes().vms.get(5)!
    const { gateway4, gateway6 } = addressesOf(5)
    const gateways = [gateway4, gateway6]
    for (const gateway of gateways) expect(await nodes().isAnswered(5, gateway)).toBe(false)
    expect(runIn(vm, 'ip neigh show')).not.toContain('lladdr')
    const [, port] = / ((?:[\da-f]{2}:){5}[\da-f]{2})/.exec(
      runIn(nodes().hostOf(5).namespace, 'ip -br link show tap5'),
    )!
    const others = [1, 2].flatMap((n) => [addressesOf(n).ipv4, addressesOf(n).ipv6])
    ip(vm, ...[...gateways, ...others].map((address) => `neigh replace ${address} lladdr ${port} dev eth0`))
    for (const gateway of gateways) expect(await nodes().isAnswered(5, gateway)).toBe(false)
    for (const n of [1, 2]) expect(await getThrough(5, n), `to VM ${n}`).toBe(0)
    const core = nodes().hostOf(2)
    ip(core.namespace, 'route add 192.168.10.0/24 via 10.0.0.1')
    expect(await nodes().isAnswered(5, core.address)).toBe(false)
  })

  test('one that only sends reaches all, without an answer, and is not reachable', async () => {
    expect(await nodes().isAnswered(7, addressesOf(7).gateway4)).toBe(false)
    for (const n of [1, 2]) {
      expect(await getThrough(7, n), `to VM ${n}`).toBe(2)
      expect(await getThrough(n, 7), `from VM ${n}`).toBe(0)
    }
  })
}
