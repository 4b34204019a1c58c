import { beforeAll, describe, expect, test } from 'vitest'
import type { PmsiTunnel } from '../../src/bgp/attribute/attributes.ts'
import { EVPN } from '../../src/bgp/family.ts'
import type { EvpnRoute } from '../../src/bgp/nlri/evpn/index.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { multicastRoute } from '../../src/evpn/advertise.ts'
import { run } from '../../src/lab/command.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import { nameSuffix } from '../../src/vpn/linux/names.ts'
import { captured } from '../support/capture.ts'
import { attachmentOf, forwards } from '../support/interop.ts'
import { ip, rt } from '../support/speakers.ts'
import {
  addDualStackVm,
  askInVain,
  FLOOD,
  INJECTOR,
  IPV4,
  injector,
  ipIn,
  lab,
  middle,
  node,
  nodeAddress,
  nodes,
  OTHERS,
  ping,
  post,
  source,
  start,
  vm,
  vmMac,
} from './bridges-setup.ts'

describe('broadcast', () => {
  const network: EvpnRoute = multicastRoute({
    rd: ipv4Rd(ip('10.0.0.9'), 1),
    vni: 100,
    exportTargets: [],
    vtep: ip(INJECTOR),
  }).nlri
  const advertise = (pmsiTunnel: Partial<PmsiTunnel>, target = '64512:10') =>
    injector.originate(source, EVPN, network, {
      extendedCommunities: [encapsulation(8), rt(target)],
      pmsiTunnel: { flags: 0, tunnelType: 6, label: 100, tunnelId: ip(INJECTOR), ...pmsiTunnel },
    })

  test('goes from its node to each other once, and is not forwarded again', async () => {
    const capture = {
      namespace: middle.namespace,
      device: 'underlay',
      filter: 'udp port 4789',
      fields: ['ipv6.src', 'ipv6.dst', 'vxlan.vni', 'arp.dst.proto_ipv4'],
    }
    const sent = await captured(lab, capture, `${nodeAddress(3)}\t7777\t${IPV4(99)}`, async () => {
      await askInVain(vm(1), IPV4(99))
      // a forwarded copy would have come before this
      await ping(vm(2), IPV4(3))
    })
    const copies = new Set(sent.filter((one) => one.includes(IPV4(99))))
    expect([...copies].sort()).toEqual([
      `${nodeAddress(1)}\t${nodeAddress(2)}\t100\t${IPV4(99)}`,
      `${nodeAddress(1)}\t${nodeAddress(3)}\t7777\t${IPV4(99)}`,
    ])
  })

  test('goes to whom the multicast routes name now, wherever they moved', async () => {
    const flooded = (...more: string[]) => forwards(lab, node(1).host, [...OTHERS, ...more])
    advertise({})
    await flooded(`${FLOOD} ${INJECTOR}`)
    advertise({ tunnelId: ip('fd00:77::99') })
    await flooded(`${FLOOD} fd00:77::99`)
    advertise({ label: 4242 })
    await flooded(`${FLOOD} ${INJECTOR} vni 4242`)
    for (const unusable of [{ tunnelType: 3 }, { label: 0 }, { tunnelId: ip('10.0.0.9') }]) {
      advertise({})
      await flooded(`${FLOOD} ${INJECTOR}`)
      advertise(unusable)
      await flooded()
    }
    advertise({})
    await flooded(`${FLOOD} ${INJECTOR}`)
    advertise({}, '64512:99')
    await flooded()
    advertise({})
    await flooded(`${FLOOD} ${INJECTOR}`)
    injector.withdraw(source, EVPN, network)
    await flooded()
  })
})

describe('bridges', () => {
  const NET2 = { vpn_instance_id: 'net2', import_rt: ['64512:20'], export_rt: ['64512:20'], vni: 200 }
  const BRIDGE = 'brq-net2'
  let left: Vm
  let right: Vm

  const attachment = (of: Vm, n: number) => ({
    ...attachmentOf(of),
    ...NET2,
    ip_address: `${IPV4(n)}/24`,
    linuxbr: BRIDGE,
  })
  const masterOf = async (host: LabHost, device: string): Promise<string | undefined> => {
    const [link] = JSON.parse(await ipIn(host.namespace, '-json', 'link', 'show', device))
    return link.master
  }
  const isGone = (host: LabHost, device: string) =>
    lab.eventually(`${device} is gone from ${host.name}`, async () => {
      const links = await ipIn(host.namespace, '-o', 'link')
      return links.includes(` ${device}:`) ? { seen: links } : { value: links }
    })
  const reach = () =>
    lab.eventually('the VMs reach each other', async () => ({ value: await ping(left, IPV4(5), '-c', '1') }))

  beforeAll(async () => {
    left = await addDualStackVm(node(1).host, 'vm4', 4)
    right = await addDualStackVm(node(2).host, 'vm5', 5)
  })

  test('that an agent names are created if missing, with the port in', async () => {
    await post(node(1), 'attach', attachment(left, 4))
    expect(await masterOf(node(1).host, left.port)).toBe(BRIDGE)
  })

  test('that exist are used with their VXLAN device of the VNI', async () => {
    const { namespace } = node(2).host
    const vxlan = ['id', '200', 'dstport', '4789', 'local', nodeAddress(2), 'nolearning', 'udp6zerocsumrx']
    await ipIn(namespace, 'link', 'add', BRIDGE, 'up', 'type', 'bridge')
    await ipIn(namespace, 'link', 'add', 'vx-theirs', 'up', 'master', BRIDGE, 'type', 'vxlan', ...vxlan)
    await ipIn(namespace, 'link', 'set', right.port, 'master', BRIDGE)
    await post(node(2), 'attach', attachment(right, 5))
    // packets may get through as floods before the route to the address is here
    await lab.eventually('the other VM is known by that device', async () => {
      const entries = await run('bridge', '-netns', namespace, 'fdb', 'show', 'dev', 'vx-theirs')
      return entries.includes(`${vmMac(4)} dst ${nodeAddress(1)}`) ? { value: entries } : { seen: entries }
    })
    await reach()
  })

  test('that were deleted are recreated with their ports and their traffic', async () => {
    await ipIn(node(1).host.namespace, 'link', 'del', BRIDGE)
    await reach()
    expect(await masterOf(node(1).host, left.port)).toBe(BRIDGE)
  })

  test('go with their last endpoint where they are ours, after a restart too, and stay where they are not', async () => {
    await node(1).process.stop('SIGKILL')
    nodes[0] = await start(node(1).host)
    await reach()
    await post(node(1), 'detach', attachment(left, 4))
    await isGone(node(1).host, BRIDGE)
    await post(node(2), 'detach', attachment(right, 5))
    await lab.eventually('the entries of net2 are gone from node2', async () => {
      const seen = await run('bridge', '-netns', node(2).host.namespace, 'fdb', 'show', 'dev', 'vx-theirs')
      return seen.includes('extern_learn') ? { seen } : { value: seen }
    })
    for (const device of ['vx-theirs', right.port]) {
      expect(await masterOf(node(2).host, device)).toBe(BRIDGE)
    }
  })

  test('have names of their own, whatever the ids of their networks', async () => {
    const [long, longer] = ['network-of-tenant-1', 'network-of-tenant-2']
    const ids = [
      `${'é'.repeat(123)}x`,
      '日本語日',
      'à',
      '\u00a0',
      'a%d',
      '..',
      'a/b: c',
      '😀',
      long!,
      longer!,
      nameSuffix(long!, () => false),
    ]
    const { host } = node(3)
    const attachmentTo = (id: string, i: number) => ({
      ...attachmentOf(vm(3)),
      vpn_instance_id: id,
      local_port: { linuxif: `port${i}` },
      vni: 0,
    })
    const before = await ipIn(host.namespace, '-o', 'link')
    for (const [i, id] of ids.entries()) {
      await ipIn(host.namespace, 'tuntap', 'add', `port${i}`, 'mode', 'tap')
      await post(node(3), 'attach', attachmentTo(id, i))
    }
    const bridges = await Promise.all(ids.map((_, i) => masterOf(host, `port${i}`)))
    expect(new Set(bridges).size).toBe(ids.length)
    for (const bridge of bridges) expect(bridge).toMatch(/^evpn---[\w.-]{1,8}$/)
    const aliases = await ipIn(host.namespace, '-details', 'link', 'show', bridges[0]!)
    expect(aliases).toContain(`alias chanter:${ids[0]}`)
    for (const [i, id] of ids.entries()) {
      await post(node(3), 'detach', attachmentTo(id, i))
      await ipIn(host.namespace, 'link', 'del', `port${i}`)
    }
    await lab.eventually('nothing is left of them', async () => {
      const links = await ipIn(host.namespace, '-o', 'link')
      const names = (text: string) => text.match(/^\d+: [^:@]+/gm)?.join()
      return names(links) === names(before) ? { value: links } : { seen: links }
    })
  })
})
