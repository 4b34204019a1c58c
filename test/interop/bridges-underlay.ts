import { describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { captured } from '../support/capture.ts'
import { forwards, instance, session } from '../support/interop.ts'
import { ip, macRoute, rt } from '../support/speakers.ts'
import {
  ADDRESSES,
  answersFor,
  attachVm,
  INJECTOR,
  IPV4,
  IPV6,
  injector,
  ipIn,
  JUMBO,
  lab,
  NODES,
  node,
  nodeAddress,
  OTHERS,
  ping,
  ROOM,
  source,
  vm,
} from './bridges-setup.ts'

describe('an underlay of IPv6 alone', () => {
  test('carries the sessions', async () => {
    for (const n of NODES) {
      for (const other of NODES) if (other !== n) await session(lab, node(n), nodeAddress(other), true)
      await session(lab, node(n), INJECTOR, true)
    }
  })

  test('carries both families of VMs, with VNIs that each receiver chose', async () => {
    for (const n of NODES) {
      await attachVm(n, `${IPV4(n)}/24`)
      await attachVm(n, `${IPV6(n)}/64`)
    }
    await forwards(lab, node(1).host, OTHERS)
    await answersFor(1, ADDRESSES)
    for (const [from, to] of [
      [1, 2],
      [1, 3],
      [3, 2],
    ] as const) {
      await ping(vm(from), IPV4(to))
      await ping(vm(from), IPV6(to))
    }
  })

  test('is shown in the looking glass', async () => {
    expect(await instance(node(1).api, 'best_routes')).toMatchObject({
      [`('Multicast', (${nodeAddress(2)},  rd 10.0.0.2:1))`]: [expect.anything()],
    })
    const shown = JSON.stringify(await instance(node(1).api, 'received_routes'))
    expect(shown).toContain(`"next_hop":"${nodeAddress(2)}"`)
    expect(shown).toContain(`:${nodeAddress(2)}`)
  })

  test('lets frames pass as large as it has room for, in one piece', async () => {
    const capture = {
      namespace: node(2).host.namespace,
      device: 'eth0',
      filter: 'ip6[6] == 44 or udp port 4789',
      fields: ['frame.len', 'ipv6.nxt'],
    }
    const largest = `${JUMBO + 14}\t17,58`
    const frames = await captured(lab, capture, largest, async () => {
      await ping(vm(1), IPV4(2), '-M', 'do', '-s', String(ROOM - 28))
      await ping(vm(1), IPV6(2), '-M', 'do', '-s', String(ROOM - 48))
    })
    expect(frames).toContain(`${JUMBO + 14}\t17`)
    expect(frames.filter((frame) => frame.includes('\t44'))).toEqual([])
  })

  test('has VXLAN devices that follow its MTU', async () => {
    const { host } = node(2)
    const shown = async () => {
      const [link] = JSON.parse(await ipIn(host.namespace, '-json', 'link', 'show', 'vxlan--net1'))
      return link.mtu as number
    }
    const follows = (mtu: number) =>
      lab.eventually(`the MTU is ${mtu}`, async () => {
        const seen = await shown()
        return seen === mtu ? { value: seen } : { seen: String(seen) }
      })
    await ipIn(host.namespace, 'link', 'set', 'eth0', 'mtu', '4000')
    await follows(3930)
    await ipIn(host.namespace, 'link', 'set', 'eth0', 'mtu', String(JUMBO))
    await follows(ROOM)
  })

  test('does not use IPv4 VTEPs, and gives the reason', async () => {
    const route = macRoute('10.0.0.9', '02:00:00:00:99:01', null)
    const far = { extendedCommunities: [encapsulation(8), rt('64512:10')] }
    injector.originate(source, EVPN, route, far, ip('10.77.0.99'))
    await lab.eventually('the route is reported as unused', async () => {
      const routes = JSON.stringify(await instance(node(1).api, 'received_routes'))
      const why = '"unused":"next hop is IPv4, our VTEP address IPv6"'
      return routes.includes(why) ? { value: routes } : { seen: routes }
    })
    await forwards(lab, node(1).host, OTHERS)
    injector.withdraw(source, EVPN, route)
  })
})
