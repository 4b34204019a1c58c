import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { formatIp, unmapped } from '../../../../src/values/address.ts'
import type { CellName } from '../cell.ts'
import { type Facts, type FamilyName, facts } from '../facts.ts'
import { AS, addressOf, LINK_NAMES, type Link, type LinkName } from '../links.ts'
import { type Lack, lackedCells, RealPeer, type ShownRoute, type ShownSession } from '../real-peer.ts'
import { TARGET } from '../routes.ts'

type BirdFamily = 'VPNv4' | 'VPNv6'

const TABLES: Readonly<Record<BirdFamily, 'routes4' | 'routes6'>> = { VPNv4: 'routes4', VPNv6: 'routes6' }
const isBird = (family: FamilyName): family is BirdFamily => family in TABLES

/** BIRD 2, spoken to by birdc. Its own routes are those of a static protocol, which is enabled and disabled. */
export class Bird extends RealPeer {
  readonly name = 'BIRD'
  protected readonly executable = '/usr/sbin/bird'
  private readonly config = this.file('bird.conf')
  private readonly socket = this.file('bird.ctl')
  private readonly log = this.file('bird-messages.log')

  lacks(): Partial<Record<CellName, Lack>> {
    const lacksChannel = (channel: string, note: string): Lack => ({
      note,
      isStillLacking: async () => {
        const file = this.file('bird-trial.conf')
        writeFileSync(
          file,
          `router id 1.1.1.1;\nprotocol bgp x { local as 1; neighbor 1.1.1.2 as 1; ${channel} {}; }\n`,
        )
        const answer = await this.exec('bird', '-p', '-c', file).catch(({ message }) => message)
        return /syntax error/.test(answer)
      },
    })
    const evpn = lacksChannel('evpn', 'BIRD 2.0.12 has no EVPN: its configuration knows no such channel')
    const rtc = lacksChannel(
      'rtfilter',
      'BIRD 2.0.12 has no route-target constraint: its configuration knows no such channel',
    )
    const flowSpec = lacksChannel('flow4 vpn', 'BIRD 2.0.12 has FlowSpec of SAFI 133 only, none of VPNs')
    const flowSpec6 = lacksChannel('flow6 vpn', 'BIRD 2.0.12 has FlowSpec of SAFI 133 only, none of VPNs')
    return lackedCells({ evpn, rtc, flowSpec, flowSpec6 })
  }

  async prepare(): Promise<void> {
    const { vpn } = this.links
    writeFileSync(
      this.config,
      `router id ${vpn.peerAddress};
log "${this.log}" all;
vpn4 table routes4;
vpn6 table routes6;
protocol device {}
protocol static own_routes4 {
  disabled;
  vpn4 { table routes4; };
  route ${AS}:12 12.0.0.0/24 via 10.77.0.254 mpls 77 { bgp_ext_community.add((rt, ${TARGET.replace(':', ', ')})); };
}
protocol static own_routes6 {
  disabled;
  vpn6 { table routes6; };
  route ${AS}:12 2001:db8:12::/48 via fd77::fe mpls 77 { bgp_ext_community.add((rt, ${TARGET.replace(':', ', ')})); };
}
${LINK_NAMES.map((name) => bgpPeer(this.links[name])).join('')}`,
    )
  }

  protected launch(): void {
    this.run('bird', '-f', '-c', this.config, '-s', this.socket)
  }

  answers(): Promise<unknown> {
    return this.birdc('show', 'status')
  }

  override tail(): string {
    return `${super.tail()}\n${this.messages().trimEnd().split('\n').slice(-8).join('\n')}`
  }

  async held(link: LinkName, family: FamilyName): Promise<ShownRoute[]> {
    if (!isBird(family)) return []
    const shown = await this.birdc('show', 'route', 'all', 'table', TABLES[family], 'protocol', `to_${link}`)
    // It marks no routes as stale, but the session that it keeps them of.
    const isAway = (await this.birdc('show', 'protocols', 'all', `to_${link}`)).includes('Restart timer:')
    return routesOf(shown).map((facts) => ({ facts, stale: isAway }))
  }

  async reported(link: LinkName, family: FamilyName): Promise<Facts[]> {
    if (!isBird(family)) return []
    const shown = await this.birdc('show', 'route', 'all', 'table', TABLES[family], 'export', `to_${link}`)
    return routesOf(shown).map(({ asPath: _, ...rest }) => rest)
  }

  originate(family: FamilyName): Promise<unknown> {
    return this.birdc('enable', `own_${TABLES[family as BirdFamily]}`)
  }

  withdraw(family: FamilyName): Promise<unknown> {
    return this.birdc('disable', `own_${TABLES[family as BirdFamily]}`)
  }

  /** It counts no ROUTE-REFRESH, but its log names each. */
  async session(link: LinkName): Promise<ShownSession> {
    const shown = await this.birdc('show', 'protocols', 'all', `to_${link}`)
    const log = this.messages()
    const count = (what: string) => log.split(`to_${link}: ${what}`).length - 1
    return {
      established: /BGP state:\s+Established/.test(shown),
      as: Number(/Neighbor AS:\s+(\d+)/.exec(shown)?.[1]),
      refreshesSent: count('Sending ROUTE-REFRESH'),
      refreshesReceived: count('Got ROUTE-REFRESH'),
      updatesReceived: [...shown.matchAll(/Import updates:\s+(\d+)/g)].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      ),
    }
  }

  requestRefresh(link: LinkName): Promise<unknown> {
    return this.birdc('reload', 'in', `to_${link}`)
  }

  private messages(): string {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : ''
  }

  private birdc(...words: readonly string[]): Promise<string> {
    return this.exec('birdc', '-s', this.socket, ...words)
  }
}

/** It takes the IPv4-mapped next hops of VPNv6 routes (RFC 4659 §3.2.1.2) with `extended next hop` alone. */
const bgpPeer = ({ name, address, peerAddress, as, key }: Link): string => `
protocol bgp to_${name} {
  local ${peerAddress} as ${AS};
  neighbor ${address} as ${as};
  passive;
  graceful restart on;
  enable route refresh on;
  debug { packets, events };
  ${key === null ? '' : `password "${key}";`}
  vpn4 mpls { table routes4; import all; export all; };
  vpn6 mpls { table routes6; import all; export all; extended next hop on; };
}
`

/** The routes in the answer to `show route all`; a network stands at the first of its routes only. */
function routesOf(answer: string): Facts[] {
  const routes: Facts[] = []
  let network = { rd: '', route: '' }
  for (const block of answer.split(/\n(?=\S| {2})/)) {
    const [, rd = '', route = ''] = /^(\d+:\d+) (\S+) /.exec(block) ?? []
    if (rd !== '') network = { rd, route }
    if (!/^(\d+:\d+ \S+| {2}).* \[to_|^(\d+:\d+ \S+| {2}).* \[own_/.test(block)) continue
    const wordOf = (name: string) => new RegExp(`BGP.${name}: *(.*)`).exec(block)?.[1]
    const nextHop = wordOf('next_hop') ?? /via (\S+)/.exec(block)?.[1]
    const targets = [...(wordOf('ext_community') ?? '').matchAll(/\(rt, (\d+), (\d+)\)/g)]
    routes.push(
      facts({
        ...network,
        label: wordOf('mpls_label_stack') ?? /mpls (\d+)/.exec(block)?.[1],
        nextHop: nextHop && formatIp(unmapped(addressOf(nextHop))),
        targets: targets.map(([, as, number]) => `${as}:${number}`).join(' '),
        asPath: wordOf('as_path') ?? '',
      }),
    )
  }
  return routes
}
