import { beforeEach } from 'vitest'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { ROUTE_TARGET, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { maskPrefix } from '../../src/bgp/nlri/prefix.ts'
import { localSource, type Source } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { formatIp, isIpv4, parseInterfaceAddress } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { words } from './words.ts'

export const A = '10.77.0.11'
export const B = '10.77.0.12'
export const C = '10.77.0.13'
export const RR = '10.77.0.1'
/** Of clients, of servers, and of others. */
export const CLIENTS = rt('64512:1')
export const SERVERS = rt('64512:2')
export const OTHERS = rt('64512:3')
export const families = [VPNV4, VPNV6]
export const peering = { families: [...families, ROUTE_TARGET] }

export let clock: VirtualClock
export let network: VirtualNetwork
export let reflector: Speaker
export let a: TestNode

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const clients = [A, B, C].map((address) => peerConfig(address, { ...peering, reflectorClient: true }))
  reflector = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  a = node(A)
})

export function node(address: string, changes: Partial<SpeakerConfig> = {}, reflectors = [RR]): TestNode {
  const peers = reflectors.map((one) => peerConfig(one, peering))
  const made = new TestNode(address, peers, clock, network, changes)
  for (const name of ['tap1', 'tap2', 'mpls0', 'right']) made.driver.kernel.addLink(name, { up: true })
  return made
}

/** The port by which a service takes packets of clients to servers. */
export const left = (changes: Partial<AttachRequest> = {}): Partial<AttachRequest> => ({
  type: 'ipvpn',
  vni: null,
  instanceId: 'left',
  ip: parseInterfaceAddress('192.168.10.1/24')!,
  gatewayIp: ip('192.168.10.254'),
  importTargets: [CLIENTS],
  exportTargets: [CLIENTS],
  readvertise: { from: [SERVERS], to: [CLIENTS] },
  ...changes,
})
/** The other one, by which answers come. */
export const right = (changes: Partial<AttachRequest> = {}): Partial<AttachRequest> =>
  left({
    instanceId: 'right',
    mac: mac('02:00:00:00:02:02'),
    port: 'right',
    ip: parseInterfaceAddress('192.168.20.1/24')!,
    gatewayIp: ip('192.168.20.254'),
    importTargets: [SERVERS],
    exportTargets: [SERVERS],
    readvertise: { from: [CLIENTS], to: [SERVERS] },
    ...changes,
  })
export const second = {
  mac: mac('02:00:00:00:01:02'),
  port: 'tap2',
  ip: parseInterfaceAddress('192.168.10.2/24')!,
}

export async function attach(of: TestNode, changes: Partial<AttachRequest>): Promise<void> {
  await of.attach(changes)
  await clock.run(2000)
}

/** What a node advertises, but for its endpoints' own addresses. */
export function advertised(of: TestNode): string[] {
  return families
    .flatMap((family) =>
      [...of.speaker.rib.ownRoutes(family)].map(({ nlri, set }) => {
        const { 'extended-community': communities, 'local-preference': preference } = formatAttributes(
          set.attributes,
        )
        return `${nlriCodec(family)!.format(nlri)} by ${formatIp(set.nextHop!)} ${communities} ${preference}`
      }),
    )
    .filter((text) => !text.startsWith('192.168.'))
}

/** Those without what is always the same. */
export const brief = (of: TestNode): string[] =>
  advertised(of).map((text) =>
    text.replace(/ by .* consistentHashSortOrder:0/, ' [').replace(/ \] 100$/, ' ]'),
  )

export const routes = (of: TestNode): string[] =>
  of
    .wanted()
    .filter(({ kind }) => kind === 'route')
    .map(words)
    .sort()

export let sources: Map<string, Source>
beforeEach(() => {
  sources = new Map()
})

/** Another provider edge advertises a prefix; answers with how it takes that back. */
export async function receive(
  prefix: string,
  communities = [SERVERS],
  { nextHop = '10.77.0.9', rd = 1, label = 30, by = reflector } = {},
): Promise<() => Promise<void>> {
  const { ip: address, prefixLength: length } = parseInterfaceAddress(prefix)!
  const family = isIpv4(address) ? VPNV4 : VPNV6
  const name = `${nextHop} ${rd}`
  const source = sources.get(name) ?? localSource(name)
  sources.set(name, source)
  const nlri = {
    rd: ipv4Rd(ip('10.77.0.9'), rd),
    label: mplsField(label),
    ip: maskPrefix(address, length),
    length,
  }
  by.originate(source, family, nlri, { extendedCommunities: communities }, ip(nextHop))
  await clock.run(2000)
  return async () => {
    by.withdraw(source, family, nlri)
    await clock.run(2000)
  }
}

export const many = (count: number) => Array.from({ length: count }, (_, i) => rt(`64513:${i}`))
