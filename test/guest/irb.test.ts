import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { addVeth, echoesIn, ip, runIn } from './network.ts'

/** VM 1 and VM 2 are in one EVPN instance, which is joined to a VRF on each of their edges; VM 3 is in another VRF. */
const VMS = [1, 2, 3] as const
type Vm = (typeof VMS)[number]

let lab: Lab
let hosts: readonly [LabHost, LabHost]
let daemons: LabDaemon[]
/** Links of the first edge without a VPN. */
let plain: string[]
const namespaces: string[] = []

const macOf = (vm: Vm): string => `02:00:00:00:01:0${vm}`
const v4 = (vm: Vm): string => (vm === 3 ? '192.168.20' : '192.168.10')
const v6 = (vm: Vm): string => (vm === 3 ? '2001:db8:3:' : '2001:db8:0:')
const addressesOf = (vm: Vm): readonly [string, string] => [`${v4(vm)}.${vm}`, `${v6(vm)}:${vm}`]
const subnet = (vm: Vm) => [
  { ip_address: `${v4(vm)}.${vm}/24`, gateway_ip: `${v4(vm)}.254` },
  { ip_address: `${v6(vm)}:${vm}/64`, gateway_ip: `${v6(vm)}:ffff` },
]
const edgeOf = (vm: Vm): LabHost => hosts[vm === 1 ? 0 : 1]
const home = (vm: Vm): string => namespaces[vm - 1]!

beforeAll(async () => {
  lab = new Lab()
  const [one, two] = [1, 2].map((n) => ({
    name: `pe${n}`,
    namespace: lab.addNamespace(`pe${n}`),
    address: `10.0.0.${n}`,
  })) as [LabHost, LabHost]
  hosts = [one, two]
  addVeth([one.namespace, 'core'], [two.namespace, 'core'])
  for (const { namespace, address } of hosts) ip(namespace, `address add ${address}/24 dev core`)
  for (const vm of VMS) {
    namespaces.push(lab.addNamespace(`vm${vm}`))
    addVeth([edgeOf(vm).namespace, `tap${vm}`], [home(vm), 'eth0'])
    ip(
      home(vm),
      `link set eth0 address ${macOf(vm)}`,
      `address add ${v4(vm)}.${vm}/24 dev eth0`,
      `address add ${v6(vm)}:${vm}/64 dev eth0 nodad`,
      `route add default via ${v4(vm)}.254`,
      `route add default via ${v6(vm)}:ffff`,
    )
  }
  plain = links()
  lab.enter(one.namespace)
  daemons = await Promise.all(hosts.map(start))
})

afterAll(() => lab.close())

function start(host: LabHost): Promise<LabDaemon> {
  const peer = hosts.find((other) => other !== host)!
  return startChanter(lab, host, {
    BGP: { peers: peer.address, my_as: 64512, connect_retry_time: 1 },
    DATAPLANE_DRIVER_IPVPN: { dataplane_driver: 'linux', mpls_interface: 'core' },
  })
}

interface Status {
  readonly drift: { readonly count: number }
  readonly problems: readonly string[]
}

type Kind = 'evpn' | 'irb' | 'port'

function parameters(vm: Vm, kind: Kind): Record<string, unknown> {
  const isL2 = kind === 'evpn'
  const target = isL2 ? '64512:1' : '64512:10'
  return {
    vpn_instance_id: { evpn: 'network', irb: 'routed', port: 'other' }[kind],
    vpn_type: isL2 ? 'evpn' : 'ipvpn',
    import_rt: [target],
    export_rt: [target],
    mac_address: macOf(vm),
    local_port: kind === 'irb' ? { evpn: { id: 'network' } } : { linuxif: `tap${vm}` },
    ...(isL2 ? { vni: 100 } : {}),
  }
}

async function change(what: 'attach' | 'detach', vm: Vm, kind: Kind, more = {}): Promise<void> {
  const daemon = daemons[vm === 1 ? 0 : 1]!
  for (const address of subnet(vm)) {
    const body = { ...parameters(vm, kind), ...address, ...more }
    expect(await request(daemon.api, `/${what}_localport`, body)).toMatchObject({ status: 200, body: 'null' })
  }
}

const attach = (vm: Vm, kind: Kind, more = {}) => change('attach', vm, kind, more)
const detach = (vm: Vm, kind: Kind) => change('detach', vm, kind)

/** `ttl` 1: by no router. */
async function reaches(from: Vm, to: Vm, ttl = 64): Promise<void> {
  for (const address of addressesOf(to)) {
    await lab.eventually(`vm${from} reaches ${address}`, async () => {
      const output = await lab.exec(home(from), 'ping', '-c', '1', '-W', '1', '-t', `${ttl}`, address)
      return output.includes(' 0% packet loss') ? { value: output } : { seen: output }
    })
  }
}

const links = (): string[] =>
  [...runIn(hosts[0].namespace, 'ip -o link').matchAll(/^\d+: ([\w-]+)/gm)].map(([, name]) => name!).sort()

/** The MAC address that a VM has for another address. */
const neighbour = (of: Vm, address: string): string | undefined =>
  /lladdr (\S+)/.exec(runIn(home(of), `ip neigh show ${address} dev eth0`))?.[1]

test('VMs of an EVPN instance reach other subnets by labels, and each other by VXLAN', async () => {
  for (const vm of [1, 2] as const) {
    await attach(vm, 'evpn')
    await attach(vm, 'irb')
  }
  await attach(3, 'port')
  await reaches(1, 3)
  await reaches(3, 1)
  await reaches(2, 3)
  await reaches(1, 2, 1)
  const [address, address6] = addressesOf(2)
  expect([neighbour(1, address), neighbour(1, address6)]).toEqual([macOf(2), macOf(2)])
})

test('the daemons take none of their own changes for those of another program', async () => {
  for (const { api } of daemons) {
    const { drift, problems } = await fetchJson<Status>(api, '/status')
    expect({ problems, repaired: drift.count }).toEqual({ problems: [], repaired: 0 })
  }
})

test('the gateway is the same for them on every node, and no other host answers for it', async () => {
  const gateways = ([1, 2] as const).flatMap((vm) => [
    neighbour(vm, '192.168.10.254'),
    neighbour(vm, '2001:db8:0::ffff'),
  ])
  expect(new Set(gateways).size).toBe(1)
  expect(gateways[0]).toBeDefined()
  const [, far] = hosts
  ip(far.namespace, 'link set core down')
  ip(home(1), 'neigh flush dev eth0')
  for (const address of ['192.168.10.254', '2001:db8:0::ffff'])
    expect(runIn(home(1), `ping -c 1 -W 2 ${address}`)).toContain(' 0% packet loss')
  expect(neighbour(1, '192.168.10.254')).toBe(gateways[0])
  ip(far.namespace, 'link set core up')
  await reaches(1, 3)
})

test('either may go first and come back', async () => {
  await detach(1, 'evpn')
  await lab.eventually('the bridge is gone', async () => {
    const left = links()
    return left.some((name) => name.startsWith('evpn---')) ? { seen: left.join() } : { value: left }
  })
  expect(links().filter((name) => name.startsWith('vrf2e--'))).toHaveLength(1)
  await attach(1, 'evpn')
  await reaches(1, 3)
  await detach(1, 'irb')
  await reaches(1, 2, 1)
  expect(links().filter((name) => /vrf|e2vrf/.test(name))).toEqual([])
  await attach(1, 'irb')
  await reaches(1, 3)
})

test('one that only receives is reached, and what it sends to a gateway that it knows of gets nowhere', async () => {
  const gateways = ['192.168.10.254', '2001:db8:0::ffff'] as const
  const [mac] = gateways.map((address) => neighbour(1, address))
  await attach(1, 'irb', { direction: 'to-port' })
  ip(home(1), ...gateways.map((address) => `neigh replace ${address} lladdr ${mac} dev eth0`))
  const isAnswered = (from: Vm, to: Vm) =>
    Promise.any(
      addressesOf(to).map((address) => lab.exec(home(from), 'ping', '-c', '1', '-W', '0.3', address)),
    ).then(
      () => true,
      () => false,
    )
  const [got, sent] = [echoesIn(home(1)), echoesIn(home(3))]
  expect(await isAnswered(3, 1)).toBe(false)
  expect(await isAnswered(1, 3)).toBe(false)
  expect([echoesIn(home(1)) - got, echoesIn(home(3)) - sent]).toEqual([2, 0])
  await reaches(1, 2, 1)

  ip(home(1), ...gateways.map((address) => `neigh del ${address} dev eth0`))
  await attach(1, 'irb')
  await reaches(1, 3)
})

test('a daemon that is killed leaves all as it is, and the next one touches none of it', async () => {
  const [host] = hosts
  const state = () =>
    ['ip -o link', 'ip route show table all', 'ip -6 route show table all', 'ip -f mpls route', 'bridge fdb']
      .map((command) => runIn(host.namespace, command))
      .join('')
  await lab.eventually('no IPv6 address waits for others to object', async () => {
    const waiting = runIn(host.namespace, 'ip -6 address show tentative')
    return waiting === '' ? { value: waiting } : { seen: waiting }
  })
  const before = state()
  const monitor = lab.start(host.namespace, 'monitor', 'ip', '-o', 'monitor', 'link', 'address', 'route')
  await daemons[0]!.process.stop('SIGKILL')
  expect(state()).toBe(before)
  daemons[0] = await start(host)
  await reaches(1, 3)
  await reaches(1, 2, 1)
  expect(state()).toBe(before)
  await monitor.stop()
  expect(readFileSync(monitor.logFile, 'utf8')).toBe('')
})

test('nothing is left at the end', async () => {
  await detach(1, 'irb')
  await detach(1, 'evpn')
  await lab.eventually('all links are gone', async () => {
    const left = links()
    return left.length === plain.length ? { value: left } : { seen: left.join() }
  })
  expect(links()).toEqual(plain)
  expect(runIn(hosts[0].namespace, 'ip -f mpls route')).toBe('')
})
