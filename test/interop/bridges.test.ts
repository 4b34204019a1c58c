import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PmsiTunnel } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import type { EvpnRoute } from '../../src/bgp/nlri/evpn/index.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { type ExtendedCommunity, encapsulation } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { request } from '../../src/client.ts'
import { systemClock } from '../../src/clock.ts'
import { multicastRoute } from '../../src/evpn/advertise.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { parseMac } from '../../src/values/mac.ts'
import { nameSuffix } from '../../src/vpn/linux/names.ts'
import { captured } from '../support/capture.ts'
import { noEvents } from '../support/events.ts'
import { attachmentOf, forwards, instance, session } from '../support/interop.ts'
import { ip, macRoute, peerConfig, rt } from '../support/speakers.ts'

/** An underlay of IPv6 alone, with jumbo frames: three nodes in a full mesh, and this process, which advertises what it likes. */
const INJECTOR = 'fd00:77::1'
const nodeAddress = (n: number) => `fd00:77::1${n}`
const JUMBO = 9000
/** Less Ethernet, VXLAN, UDP and IPv6. */
const ROOM = JUMBO - 70
const IPV4 = (n: number) => `192.168.10.${n}`
const IPV6 = (n: number) => `2001:db8:10::${n}`
const NODES = [1, 2, 3]
/** The VNI is each node's own affair. */
const VNIS = [0, 100, 100, 7777]

let lab: Lab
let nodes: LabDaemon[]
let vms: Vm[]
let injector: Speaker
let middle: LabHost
const source = localSource('injector')

const vmMac = (n: number) => `02:00:00:00:01:0${n}`
const ipIn = (namespace: string, ...words: string[]) => run('ip', '-n', namespace, ...words)

/** Node n and its VM; they are numbered from 1. */
const node = (n: number): LabDaemon => nodes[n - 1]!
const vm = (n: number): Vm => vms[n - 1]!

async function start(host: LabHost, evpn: Record<string, string> = {}): Promise<LabDaemon> {
  const n = Number(host.name.slice(-1))
  const others = NODES.filter((other) => other !== n).map(nodeAddress)
  return startChanter(lab, host, {
    BGP: {
      router_id: `10.0.0.${n}`,
      my_as: AS,
      peers: [...others, INJECTOR].join(', '),
      connect_retry_time: 1,
      vanished_time: 0,
    },
    DATAPLANE_DRIVER_EVPN: evpn,
  })
}

async function post(daemon: LabDaemon, what: 'attach' | 'detach', body: object): Promise<void> {
  const answer = await request(daemon.api, `/${what}_localport`, body)
  if (answer.status !== 200) throw new Error(`${what}: ${answer.status} ${answer.body}`)
}

/** Attaches VM n to net1 with one of its addresses. */
const attachVm = (n: number, address: string, more: object = {}) =>
  post(node(n), 'attach', { ...attachmentOf(vm(n)), ip_address: address, vni: VNIS[n], ...more })

beforeAll(async () => {
  lab = new Lab()
  middle = await addReflector(lab, INJECTOR)
  nodes = []
  vms = []
  const hosts: LabHost[] = []
  for (const n of NODES) {
    const host = await addNode(lab, middle, `node${n}`, nodeAddress(n))
    await ipIn(host.namespace, 'link', 'set', 'eth0', 'mtu', String(JUMBO))
    await ipIn(middle.namespace, 'link', 'set', `to-node${n}`, 'mtu', String(JUMBO))
    hosts.push(host)
    vms.push(await plug(host, `vm${n}`, n))
  }
  nodes = await Promise.all(hosts.map((host) => start(host)))
  injector = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: ip('10.0.0.9'),
      localAddress: ip(INJECTOR),
      listenPort: null,
      peers: NODES.map((n) => peerConfig(nodeAddress(n), { families: [EVPN, ROUTE_TARGET] })),
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  await injector.start()
})

afterAll(() => {
  injector.stop('done')
  lab.close()
})

async function plug(host: LabHost, name: string, n: number): Promise<Vm> {
  const made = await addVm(lab, host, name, parseMac(vmMac(n))!, `${IPV4(n)}/24`)
  await ipIn(made.namespace, 'link', 'set', 'eth0', 'mtu', String(ROOM))
  await ipIn(host.namespace, 'link', 'set', made.port, 'mtu', String(ROOM))
  await ipIn(made.namespace, 'addr', 'add', `${IPV6(n)}/64`, 'dev', 'eth0', 'nodad')
  return made
}

const ping = (from: Vm, address: string, ...options: string[]) =>
  lab.exec(from.namespace, 'ping', '-c', '2', '-i', '0.2', '-W', '2', ...options, address)

/** A packet for an address that no host has. */
const askInVain = (from: Vm, address: string) =>
  ping(from, address, '-c', '1', '-W', '0.5').catch(() => 'no answer')

/** Node 1 with its usual configuration again. */
async function restarted(): Promise<LabDaemon> {
  await node(1).process.stop()
  return start(node(1).host)
}

const neighbours = async (n: number): Promise<string[]> => {
  const shown = await ipIn(
    node(n).host.namespace,
    '-json',
    'neigh',
    'show',
    'dev',
    'evpn---net1',
    'nud',
    'noarp',
  )
  return (JSON.parse(shown) as { dst: string; lladdr: string; extern_learn?: null; router?: null }[])
    .filter(({ extern_learn }) => extern_learn === null)
    .map(({ dst, lladdr, router }) => `${dst} ${lladdr}${router === null ? ' router' : ''}`)
    .sort()
}

/** Waits until the kernel of node n answers for exactly these addresses. */
async function answersFor(n: number, expected: readonly string[]): Promise<void> {
  await lab.eventually(`node${n} answers for ${expected.join(', ')}`, async () => {
    const seen = await neighbours(n)
    return seen.join() === [...expected].sort().join() ? { value: seen } : { seen: seen.join(', ') }
  })
}

const FLOOD = '00:00:00:00:00:00'
/** What node 1 forwards for the other two. */
const OTHERS = [
  `${vmMac(2)} ${nodeAddress(2)}`,
  `${FLOOD} ${nodeAddress(2)}`,
  `${vmMac(3)} ${nodeAddress(3)} vni 7777`,
  `${FLOOD} ${nodeAddress(3)} vni 7777`,
]
const ADDRESSES = [2, 3].flatMap((n) => [`${IPV4(n)} ${vmMac(n)}`, `${IPV6(n)} ${vmMac(n)}`])

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
    left = await plug(node(1).host, 'vm4', 4)
    right = await plug(node(2).host, 'vm5', 5)
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
