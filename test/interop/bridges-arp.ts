import { describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { type ExtendedCommunity, encapsulation } from '../../src/bgp/values/extended-community.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { captured } from '../support/capture.ts'
import { attachmentOf } from '../support/interop.ts'
import { macRoute, rt } from '../support/speakers.ts'
import {
  ADDRESSES,
  answersFor,
  askInVain,
  attachVm,
  IPV4,
  IPV6,
  injector,
  ipIn,
  lab,
  node,
  nodes,
  ping,
  post,
  source,
  start,
  vm,
  vmMac,
} from './bridges-setup.ts'

/** Node 1 with its usual configuration again. */
async function restarted(): Promise<LabDaemon> {
  await node(1).process.stop()
  return start(node(1).host)
}

describe('ARP and ND', () => {
  test('requests for known addresses stay at home, those for others are flooded to every node', async () => {
    const capture = {
      device: 'eth0',
      filter: `ether src ${vmMac(1)} and ether multicast and (arp or (icmp6 and ip6[40] == 135))`,
      fields: ['arp.dst.proto_ipv4', 'icmpv6.nd.ns.target_address'],
    }
    for (const n of [2, 3]) {
      const unknown = [IPV4(70 + n), IPV6(70 + n)]
      await ipIn(vm(1).namespace, 'neigh', 'flush', 'dev', 'eth0')
      const asked = await captured(lab, { ...capture, namespace: vm(n).namespace }, unknown[1]!, async () => {
        await ping(vm(1), IPV4(n))
        await ping(vm(1), IPV6(n))
        for (const address of unknown) await askInVain(vm(1), address)
      })
      expect(new Set(asked.map((line) => line.trim()))).toEqual(new Set(unknown))
    }
  })

  test('the answer for an IPv6 address has the router flag of its route', async () => {
    const route = macRoute('10.0.0.9', '02:00:00:00:99:02', IPV6(9))
    const router = '\x06\x08\x01\0\0\0\0\0' as ExtendedCommunity
    const advertise = (...more: ExtendedCommunity[]) =>
      injector.originate(source, EVPN, route, {
        extendedCommunities: [encapsulation(8), rt('64512:10'), ...more],
      })
    const capture = {
      namespace: vm(1).namespace,
      device: 'eth0',
      filter: 'icmp6 and ip6[40] == 136',
      fields: ['icmpv6.nd.na.flag.r', 'icmpv6.nd.na.target_address'],
    }
    const reported = async () => {
      const answers = await captured(lab, capture, IPV6(9), async () => {
        await ipIn(vm(1).namespace, 'neigh', 'flush', 'dev', 'eth0')
        await askInVain(vm(1), IPV6(9))
      })
      const flags = answers.filter((one) => one.endsWith(IPV6(9))).map((one) => one.split('\t')[0])
      // older tsharks write 1 and 0
      return new Set(flags.map((flag) => flag === 'True' || flag === '1'))
    }
    advertise(router)
    await answersFor(1, [...ADDRESSES, `${IPV6(9)} 02:00:00:00:99:02 router`])
    expect(await reported()).toEqual(new Set([true]))
    advertise()
    await answersFor(1, [...ADDRESSES, `${IPV6(9)} 02:00:00:00:99:02`])
    expect(await reported()).toEqual(new Set([false]))
    injector.withdraw(source, EVPN, route)
    await answersFor(1, ADDRESSES)
  })

  test.each(['true', 'false'])('gratuitous ARP, with neigh_suppress = %s', async (suppress) => {
    await node(1).process.stop()
    nodes[0] = await start(node(1).host, { neigh_suppress: suppress })
    await lab.eventually('the VXLAN port is set so', async () => {
      const shown = await run(
        'bridge',
        '-netns',
        node(1).host.namespace,
        '-d',
        'link',
        'show',
        'dev',
        'vxlan--net1',
      )
      return shown.includes(`neigh_suppress ${suppress === 'true' ? 'on' : 'off'}`)
        ? { value: shown }
        : { seen: shown }
    })
    const capture = {
      namespace: vm(2).namespace,
      device: 'eth0',
      filter: `ether src ${vmMac(1)} and ether broadcast and arp`,
      fields: ['arp.dst.proto_ipv4'],
    }
    await lab.exec(vm(1).namespace, 'sysctl', '-qw', 'net.ipv4.conf.eth0.arp_notify=1')
    const asked = await captured(lab, capture, IPV4(81), async () => {
      await ipIn(vm(1).namespace, 'link', 'set', 'eth0', 'address', vmMac(1))
      await askInVain(vm(1), IPV4(81))
    })
    expect(new Set(asked)).toEqual(new Set(suppress === 'true' ? [IPV4(81)] : [IPV4(1), IPV4(81)]))
    nodes[0] = suppress === 'true' ? node(1) : await restarted()
  })

  test('an address that moves to another MAC elsewhere is followed', async () => {
    await post(node(3), 'detach', { ...attachmentOf(vm(3)), ip_address: IPV4(3) })
    await attachVm(2, `${IPV4(3)}/24`)
    await answersFor(1, [
      ...ADDRESSES.filter((one) => !one.startsWith(`${IPV4(3)} `)),
      `${IPV4(3)} ${vmMac(2)}`,
    ])
    await ipIn(vm(3).namespace, 'addr', 'del', `${IPV4(3)}/24`, 'dev', 'eth0')
    await ipIn(vm(2).namespace, 'addr', 'add', `${IPV4(3)}/24`, 'dev', 'eth0')
    await ipIn(vm(1).namespace, 'neigh', 'flush', 'dev', 'eth0')
    await ping(vm(1), IPV4(3))
    await ping(vm(1), IPV6(3))

    await post(node(2), 'detach', { ...attachmentOf(vm(2)), ip_address: IPV4(3) })
    await attachVm(3, `${IPV4(3)}/24`)
    await answersFor(1, ADDRESSES)
    await ipIn(vm(2).namespace, 'addr', 'del', `${IPV4(3)}/24`, 'dev', 'eth0')
    await ipIn(vm(3).namespace, 'addr', 'add', `${IPV4(3)}/24`, 'dev', 'eth0')
    await ipIn(vm(1).namespace, 'neigh', 'flush', 'dev', 'eth0')
    await ping(vm(1), IPV4(3))
    await ping(vm(2), IPV4(3))
  })
})
