import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { formatIp, unmapped } from '../../../../src/values/address.ts'
import type { CellName } from '../cell.ts'
import { FAMILIES, type Facts, type FamilyName, type Field, facts } from '../facts.ts'
import { AS, addressOf, LINK_NAMES, type Link, type LinkName } from '../links.ts'
import type { Ours } from '../ours.ts'
import { type Lack, lackedCells, RealPeer, type ShownRoute, type ShownSession } from '../real-peer.ts'

type OpenBgpdFamily = 'VPNv4' | 'VPNv6'

const isOpenBgpd = (family: FamilyName): family is OpenBgpdFamily => family === 'VPNv4' || family === 'VPNv6'

/** Where its processes lock themselves into, as Debian's service makes it. */
const HOME = '/run/openbgpd'

/** OpenBGPD, spoken to by bgpctl. It has no VPNs of its own where there is no mpe(4): it re-advertises the routes of `feeder`. */
export class OpenBgpd extends RealPeer {
  readonly name = 'OpenBGPD'
  protected readonly executable = '/usr/sbin/bgpd'
  private readonly config = this.file('openbgpd.conf')
  private readonly socket = this.file('openbgpd.sock')
  private madeHome = false

  override readonly passesOn =
    'OpenBGPD has VPNs of its own on OpenBSD alone, for want of mpe(4) elsewhere: it passes on routes of another speaker of ours'
  override readonly keepsWithdrawn =
    'OpenBGPD 7.7 does not find VPN routes to withdraw: it takes the label field for the beginning of the route distinguisher'

  lacks(): Partial<Record<CellName, Lack>> {
    const evpn = this.lacksLine(
      'announce EVPN',
      'OpenBGPD 7.7 has no EVPN: its configuration knows unicast and vpn',
    )
    const rtc = this.lacksLine('announce rtc', 'OpenBGPD 7.7 has no route-target constraint (RFC 4684)')
    const flowSpec = this.lacksLine('announce IPv4 flowspec', 'OpenBGPD 7.7 has no FlowSpec')
    const flowSpec6 = this.lacksLine('announce IPv6 flowspec', 'OpenBGPD 7.7 has no FlowSpec')
    return {
      ...lackedCells({ evpn, rtc, flowSpec, flowSpec6 }),
      'refresh: we ask': {
        note: 'OpenBGPD 7.7 counts the request and sends nothing: it takes families that it has agreed on for not agreed on, says its log',
        isStillLacking: (column) => {
          column.our('vpn').bgpPeer.requestRefresh(FAMILIES.VPNv4)
          return column.eventually('OpenBGPD refuses the request in its log', async () => {
            const log = this.tail()
            return /route refresh: AID IPv4 vpn not negotiated/.test(log) ? { value: true } : { seen: log }
          })
        },
      },
      'GR: peer restarts': {
        note: 'OpenBGPD 7.7 only helps others to restart: its capability lists no family, for End-of-RIB alone',
        isStillLacking: async () =>
          !(await this.neighbor('vpn')).config.capabilities.graceful_restart.restart,
      },
    }
  }

  override unshown(): readonly Field[] {
    return ['label']
  }

  private lacksLine(line: string, note: string): Lack {
    return {
      note,
      isStillLacking: async () => {
        const file = this.file('openbgpd-trial.conf')
        writeFileSync(file, this.configuration(line), { mode: 0o600 })
        const answer = await this.exec(this.executable, '-n', '-f', file).catch(({ message }) => message)
        return /syntax error/.test(answer)
      },
    }
  }

  async prepare(): Promise<void> {
    this.madeHome = mkdirSync(HOME, { recursive: true }) !== undefined
    writeFileSync(this.config, this.configuration(), { mode: 0o600 })
  }

  protected launch(): void {
    this.run(this.executable, '-d', '-v', '-f', this.config)
  }

  override close(): void {
    if (this.madeHome) rmdirSync(HOME)
  }

  answers(): Promise<unknown> {
    return this.bgpctl('show', 'summary')
  }

  async held(link: LinkName, family: FamilyName): Promise<ShownRoute[]> {
    return this.rib(family, 'neighbor', this.links[link].address)
  }

  async reported(link: LinkName, family: FamilyName): Promise<Facts[]> {
    const routes = await this.rib(family, 'out', 'neighbor', this.links[link].address)
    return routes.map(({ facts }) => facts)
  }

  async originate(family: FamilyName, feeder: Ours): Promise<void> {
    if (isOpenBgpd(family)) feeder.originate(family)
  }

  withdraw(_family: FamilyName, fromFeeder: () => Promise<void>): Promise<void> {
    return fromFeeder()
  }

  override reset(link: LinkName): Promise<unknown> {
    return this.bgpctl('neighbor', this.links[link].address, 'clear')
  }

  async session(link: LinkName): Promise<ShownSession> {
    const { remote_as, state, stats } = await this.neighbor(link)
    return {
      established: state === 'Established',
      as: Number(remote_as),
      refreshesSent: stats.message.sent.route_refresh,
      refreshesReceived: stats.message.received.route_refresh,
      updatesReceived: stats.message.received.updates,
    }
  }

  requestRefresh(link: LinkName): Promise<unknown> {
    return this.bgpctl('neighbor', this.links[link].address, 'refresh')
  }

  private async neighbor(link: LinkName): Promise<Neighbor> {
    const shown = await this.bgpctl('-j', 'show', 'neighbor', this.links[link].address)
    const { neighbors } = JSON.parse(shown) as { neighbors: readonly Neighbor[] }
    return neighbors[0]!
  }

  /** The VPN routes of a family that `show rib` finds; the label is not among what it shows. */
  private async rib(family: FamilyName, ...filter: readonly string[]): Promise<ShownRoute[]> {
    const { rib = [] } = JSON.parse(await this.bgpctl('-j', 'show', 'rib', ...filter, 'detail')) as {
      rib?: readonly Entry[]
    }
    return rib.flatMap(({ prefix, aspath, exit_nexthop, extended_communities = [], stale }) => {
      const [, rd, route = ''] = prefix.split(' ')
      if (family !== (route.includes(':') ? 'VPNv6' : 'VPNv4')) return []
      const targets = extended_communities.filter((one) => one.startsWith('rt ')).map((one) => one.slice(3))
      const nextHop = formatIp(unmapped(addressOf(exit_nexthop)))
      return [
        {
          stale: stale === true,
          facts: facts({ route, rd, nextHop, targets: targets.join(' '), asPath: aspath }),
        },
      ]
    })
  }

  private bgpctl(...words: readonly string[]): Promise<string> {
    return this.exec('bgpctl', '-s', this.socket, ...words)
  }

  private configuration(extra = ''): string {
    const { vpn, ipv6 } = this.links
    return `AS ${AS}
router-id ${vpn.peerAddress}
socket "${this.socket}"
listen on ${vpn.peerAddress}
listen on ${ipv6.peerAddress}
fib-update no
nexthop qualify via default
${LINK_NAMES.map((name) => bgpPeer(this.links[name], extra)).join('')}
allow from any
allow to any
`
  }
}

/** A route in the JSON of bgpctl. */
interface Entry {
  readonly prefix: string
  readonly aspath: string
  readonly exit_nexthop: string
  readonly extended_communities?: readonly string[]
  readonly stale?: boolean
}

interface Counters {
  readonly route_refresh: number
  readonly updates: number
}

interface Neighbor {
  readonly remote_as: string
  readonly state: string
  readonly config: { readonly capabilities: { readonly graceful_restart: { readonly restart: boolean } } }
  readonly stats: { readonly message: { readonly sent: Counters; readonly received: Counters } }
}

const bgpPeer = ({ name, address, as, key }: Link, extra: string): string => `
neighbor ${address} {
  remote-as ${as}
  descr "${name}"
  passive
  announce ${address.includes(':') ? 'IPv6' : 'IPv4'} none
  announce IPv4 vpn
  announce IPv6 vpn
  announce restart yes
  announce refresh yes
  ${key === null ? '' : `tcp md5sig password "${key}"`}
  ${extra}
}
`
