import { writeFileSync } from 'node:fs'
import type { CellName } from '../cell.ts'
import { type Facts, type FamilyName, facts } from '../facts.ts'
import { AS, LINK_NAMES, type Link, type LinkName } from '../links.ts'
import { type Lack, RealPeer, type ShownRoute, type ShownSession } from '../real-peer.ts'
import { REDIRECT, SECOND_TARGET, TARGET } from '../routes.ts'

/** Names of the families in the configuration and on the command line. */
const NAMES: Readonly<Record<FamilyName, readonly [configured: string, typed: string]>> = {
  EVPN: ['l2vpn-evpn', 'evpn'],
  VPNv4: ['l3vpn-ipv4-unicast', 'vpnv4'],
  VPNv6: ['l3vpn-ipv6-unicast', 'vpnv6'],
  RTC: ['rtc', 'rtc'],
  'FlowSpec-VPNv4': ['l3vpn-ipv4-flowspec', 'ipv4-l3vpn-flowspec'],
  'FlowSpec-VPNv6': ['l3vpn-ipv6-flowspec', 'ipv6-l3vpn-flowspec'],
}

const RD = '64512:12'
const EVPN_TAIL = ['etag', '0', 'label', '4077', 'rd', RD, 'rt', TARGET, 'encap', 'vxlan']
const MATCH = ['protocol', 'tcp', 'destination-port', '==80']
const THEN = ['then', 'redirect', REDIRECT, 'rt', TARGET]

/** What is typed behind `global rib -a <family> add` and `del`. */
const ROUTES: Readonly<Record<Exclude<FamilyName, 'RTC'>, readonly (readonly string[])[]>> = {
  EVPN: [
    ['macadv', '02:00:00:00:12:12', '12.0.0.7', ...EVPN_TAIL],
    ['prefix', '12.0.0.0/24', ...EVPN_TAIL],
    [
      ...['multicast', '12.0.0.1', 'etag', '0', 'rd', RD, 'rt', TARGET, 'encap', 'vxlan'],
      ...['pmsi', 'ingress-repl', '4077', '12.0.0.1'],
    ],
  ],
  VPNv4: [['12.0.0.0/24', 'label', '77', 'rd', RD, 'rt', TARGET]],
  VPNv6: [['2001:db8:12::/48', 'label', '77', 'rd', RD, 'rt', TARGET]],
  'FlowSpec-VPNv4': [['rd', RD, 'match', 'destination', '12.0.0.0/24', ...MATCH, ...THEN]],
  'FlowSpec-VPNv6': [['rd', RD, 'match', 'destination', '2001:db8:12::/48', ...MATCH, ...THEN]],
}

/** A path in the JSON of the gobgp command. */
interface Path {
  readonly nlri: Nlri
  readonly stale: boolean
  readonly 'neighbor-ip'?: string
  readonly attrs: readonly {
    readonly type: number
    readonly value?: unknown
    readonly nexthop?: string
    readonly label?: number
    readonly as_paths?: readonly { readonly asns: readonly number[] }[]
  }[]
}

interface Nlri {
  readonly type?: number
  readonly prefix?: string
  readonly labels?: readonly number[]
  readonly rd?: Rd
  readonly value?: unknown
}

interface Rd {
  readonly admin: number | string
  readonly assigned: number
}

interface Component {
  readonly type: number
  readonly value: { readonly prefix: string } | readonly { readonly op: number; readonly value: number }[]
}

/** gobgpd, spoken to by its command `gobgp`. */
export class GoBgp extends RealPeer {
  readonly name = 'GoBGP'
  protected readonly executable = '/usr/bin/gobgpd'
  private readonly config = this.file('gobgpd.conf')

  lacks(): Partial<Record<CellName, Lack>> {
    return {
      'refresh: peer asks': {
        note: 'GoBGP 3.10 never sends ROUTE-REFRESH: softresetin reads its own Adj-RIB-In again',
        isStillLacking: async () => {
          await this.gobgp('neighbor', this.links.vpn.address, 'softresetin')
          return (await this.session('vpn')).refreshesSent === 0
        },
      },
    }
  }

  async prepare(): Promise<void> {
    const { vpn, ipv6 } = this.links
    const global = `[global.config]\n  as = ${AS}\n  router-id = "${vpn.peerAddress}"\n  local-address-list = ["${vpn.peerAddress}", "${ipv6.peerAddress}"]\n`
    writeFileSync(this.config, global + LINK_NAMES.map((name) => bgpPeer(this.links[name])).join(''))
  }

  protected launch(): void {
    this.run('gobgpd', '--pprof-disable', '-f', this.config)
  }

  answers(): Promise<unknown> {
    return this.gobgp('neighbor')
  }

  async held(link: LinkName, family: FamilyName): Promise<ShownRoute[]> {
    const { address } = this.links[link]
    return (await this.paths('global', 'rib', '-a', NAMES[family][1]))
      .filter((path) => path['neighbor-ip'] === address)
      .map((path) => ({ facts: factsOf(path), stale: path.stale }))
  }

  async reported(link: LinkName, family: FamilyName): Promise<Facts[]> {
    const { address } = this.links[link]
    return (await this.paths('neighbor', address, 'adj-out', '-a', NAMES[family][1])).map(factsOf)
  }

  async originate(family: FamilyName): Promise<void> {
    if (family === 'RTC') await this.join(SECOND_TARGET)
    else for (const route of ROUTES[family]) await this.rib(family, 'add', route)
  }

  async withdraw(family: FamilyName): Promise<void> {
    if (family === 'RTC') await this.leave(SECOND_TARGET)
    else for (const route of ROUTES[family]) await this.rib(family, 'del', route)
  }

  override originateWith(target: string): Promise<unknown> {
    return this.rib('VPNv4', 'add', ['12.88.0.0/24', 'label', '78', 'rd', RD, 'rt', target])
  }

  /** It is a member of what its VRFs import. */
  override join(target: string): Promise<unknown> {
    const number = target.split(':').at(-1)
    return this.gobgp('vrf', 'add', `vrf${number}`, 'rd', `64512:1${number}`, 'rt', 'both', target)
  }

  override leave(target: string): Promise<unknown> {
    return this.gobgp('vrf', 'del', `vrf${target.split(':').at(-1)}`)
  }

  async session(link: LinkName): Promise<ShownSession> {
    const { state } = JSON.parse(await this.gobgp('neighbor', this.links[link].address, '-j')) as {
      state: {
        session_state: number
        peer_asn: number
        messages: { received: Record<string, number>; sent: Record<string, number> }
      }
    }
    const { received, sent } = state.messages
    return {
      established: state.session_state === 6,
      as: state.peer_asn,
      refreshesSent: Number(sent['refresh'] ?? 0),
      refreshesReceived: Number(received['refresh'] ?? 0),
      updatesReceived: Number(received['update'] ?? 0),
    }
  }

  requestRefresh(link: LinkName): Promise<unknown> {
    return this.gobgp('neighbor', this.links[link].address, 'softresetin')
  }

  private gobgp(...words: readonly string[]): Promise<string> {
    return this.exec('gobgp', ...words)
  }

  private rib(family: FamilyName, verb: string, route: readonly string[]): Promise<unknown> {
    return this.gobgp('global', 'rib', '-a', NAMES[family][1], verb, ...route)
  }

  private async paths(...words: readonly string[]): Promise<Path[]> {
    const shown = JSON.parse(await this.gobgp(...words, '-j')) as Record<string, Path[]> | { error: string }
    if ('error' in shown) throw new Error(String(shown.error))
    return Object.values(shown).flat()
  }
}

const bgpPeer = ({ address, as, key, isFull, name }: Link): string => `
[[neighbors]]
  config = { neighbor-address = "${address}", peer-as = ${as}${key === null ? '' : `, auth-password = "${key}"`} }
  transport.config = { passive-mode = true }
  graceful-restart.config = { enabled = true, restart-time = 120 }
${(Object.keys(NAMES) as FamilyName[])
  .filter((family) => isFull || family === 'VPNv4' || family === 'VPNv6')
  .map(
    (family) => `  [[neighbors.afi-safis]]
    config = { afi-safi-name = "${NAMES[family][0]}" }
    mp-graceful-restart.config = { enabled = ${name === 'vpn'} }
`,
  )
  .join('')}`

function factsOf({ nlri, attrs }: Path): Facts {
  const attribute = (type: number) => attrs.find((one) => one.type === type)
  const communities = (attribute(16)?.value ?? []) as readonly {
    type: number
    subtype: number
    value?: string
    tunnel_type?: number
  }[]
  const communityOf = (type: number, subtype: number) =>
    communities.find((one) => one.type === type && one.subtype === subtype)
  const asPath = (attribute(2)?.as_paths ?? []).flatMap(({ asns }) => asns).join(' ')
  const nextHop = attribute(14)?.nexthop
  const body = (nlri.type === undefined ? nlri : nlri.value) as Record<string, never> & Nlri
  if (body.rd === undefined) return facts({ route: `${nlri.prefix}`, asPath })
  const isFlow = Array.isArray(nlri.value)
  return facts({
    route: isFlow ? (nlri.value as Component[]).map(component).join(' ') : routeOf(nlri, body),
    rd: `${body.rd.admin}:${body.rd.assigned}`,
    label: isFlow ? undefined : `${body.labels?.[0] ?? body['label'] ?? attribute(22)?.label}`,
    nextHop: isFlow ? undefined : nextHop,
    targets: communityOf(0, 2)?.value ?? '',
    encapsulation: communityOf(3, 12)?.tunnel_type?.toString(),
    redirect: communityOf(0x80, 8)?.value,
    asPath,
  })
}

function routeOf({ type }: Nlri, body: Record<string, unknown>): string {
  switch (type) {
    case 2:
      return `mac ${body['mac']} ${body['ip']}`
    case 3:
      return `multicast ${body['ip']}`
    case 5:
      return `prefix ${body['prefix']}`
    default:
      return `${body['prefix']}`
  }
}

const COMPONENTS: Readonly<Record<number, string>> = {
  1: 'destination',
  3: 'protocol',
  5: 'destination-port',
}

function component({ type, value }: Component): string {
  const what =
    'prefix' in value
      ? value.prefix
      : value.map((match) => `${(match.op & 7) === 1 ? '=' : `op ${match.op} `}${match.value}`).join(' ')
  return `${COMPONENTS[type]} ${what}`
}
