import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CellName } from '../cell.ts'
import type { Facts, FamilyName } from '../facts.ts'
import { AS, LINK_NAMES, type Link, type LinkName } from '../links.ts'
import { type Lack, lackedCells, RealPeer, type ShownRoute, type ShownSession } from '../real-peer.ts'
import { TARGET } from '../routes.ts'
import { type Advertised, evpnRoute, type Route, type Shown, shownOf, type Table } from './frr-json.ts'

type FrrFamily = 'EVPN' | 'VPNv4' | 'VPNv6'

/** Names of the families on the command line; those of the configuration are the same. */
const NAMES: Readonly<Record<FrrFamily, string>> = {
  EVPN: 'l2vpn evpn',
  VPNv4: 'ipv4 vpn',
  VPNv6: 'ipv6 vpn',
}
const isFrr = (family: FamilyName): family is FrrFamily => family in NAMES

const RD = '64512:12'
const VNI = 4077
const MAC = '02:00:00:00:12:12'
const ESI = Array(10).fill('00').join(':')
const NETWORKS: Readonly<Record<FrrFamily, string>> = {
  VPNv4: `network 12.0.0.0/24 rd ${RD} label 77 route-map TARGET`,
  VPNv6: `network 2001:db8:12::/48 rd ${RD} label 77 route-map TARGET`,
  EVPN: `network 12.0.0.0/24 rd ${RD} ethtag 0 label 77 esi ${ESI} gwip 0.0.0.0 routermac 02:00:00:00:00:01`,
}

/** A neighbour in the JSON of FRR. */
interface Neighbor {
  readonly remoteAs: number
  readonly bgpState: string
  /** Its IPv6 address towards us, zeros where it knows none; of sessions that are up. */
  readonly nexthopGlobal?: string
  readonly messageStats: Readonly<Record<string, number>>
}

/** FRR's zebra and bgpd, spoken to by vtysh. EVPN comes out of a bridge of the namespace's kernel. */
export class Frr extends RealPeer {
  readonly name = 'FRR'
  protected readonly executable = '/usr/lib/frr/bgpd'
  /** The daemons give up their privileges, so that the lab's own directory is closed to them. */
  private directory = ''

  lacks(): Partial<Record<CellName, Lack>> {
    const lacksFamily = (family: string, note: string): Lack => ({
      note,
      isStillLacking: async () =>
        /Unknown command/.test(
          await this.configure(`address-family ${family}`).catch(({ message }) => message),
        ),
    })
    const rtc = lacksFamily(
      'ipv4 rtfilter',
      'FRR 8.4 has no route-target constraint (RFC 4684): no such address family',
    )
    const flowSpec = lacksFamily(
      'ipv4 flowspec-vpn',
      'FRR 8.4 has FlowSpec of SAFI 133 only, none of VPNs: no such address family',
    )
    const flowSpec6 = lacksFamily(
      'ipv6 flowspec-vpn',
      'FRR 8.4 has FlowSpec of SAFI 133 only, none of VPNs: no such address family',
    )
    return lackedCells({ rtc, flowSpec, flowSpec6 })
  }

  async prepare(): Promise<void> {
    this.directory = mkdtempSync(join(tmpdir(), 'chanter-frr-'))
    writeFileSync(join(this.directory, 'zebra.conf'), '')
    writeFileSync(join(this.directory, 'bgpd.conf'), this.config())
    await this.exec('chown', '-R', 'frr:frr', this.directory)
    const ip = (...words: readonly string[]) => this.exec('ip', 'link', ...words)
    await ip('add', 'br0', 'type', 'bridge')
    await ip('add', 'station', 'type', 'veth', 'peer', 'name', 'port')
    await ip('set', 'port', 'master', 'br0', 'up')
    await ip('set', 'station', 'up')
    await ip('set', 'br0', 'up')
    await ip(
      ...['add', 'vxlan', 'type', 'vxlan', 'id', `${VNI}`, 'local', this.links.vpn.peerAddress],
      ...['dstport', '4789', 'nolearning'],
    )
    await ip('set', 'vxlan', 'master', 'br0')
  }

  protected launch(): void {
    const place = (name: string) => [
      ...['-f', join(this.directory, `${name}.conf`), '-i', join(this.directory, `${name}.pid`)],
      ...['-z', join(this.directory, 'zserv'), '--vty_socket', this.directory, '-P', '0', '--log', 'stdout'],
    ]
    this.run('/usr/lib/frr/zebra', ...place('zebra'))
    this.run(
      this.executable,
      ...place('bgpd'),
      '-l',
      this.links.vpn.peerAddress,
      '-l',
      this.links.ipv6.peerAddress,
    )
  }

  answers(): Promise<unknown> {
    return this.vtysh('show bgp neighbors json')
  }

  /** A session that is up before zebra has its addresses has no IPv6 next hop for as long as it lasts. */
  override async knowsItsAddresses(link: LinkName): Promise<boolean> {
    const { bgpState, nexthopGlobal } = await this.neighbor(link)
    if (bgpState !== 'Established') return false
    if (nexthopGlobal !== '::') return true
    await this.vtysh(`clear bgp ${this.links[link].address}`)
    return false
  }

  override close(): void {
    if (this.directory !== '') rmSync(this.directory, { recursive: true })
  }

  async held(link: LinkName, family: FamilyName): Promise<ShownRoute[]> {
    const { address } = this.links[link]
    return (await this.paths(family))
      .filter(({ path }) => path.peer.peerId === address)
      .map(({ facts, path }) => ({ facts, stale: path.stale === true }))
  }

  /** What the list of advertised routes names, with the values of its own table: the list has no labels and targets. */
  async reported(link: LinkName, family: FamilyName): Promise<Facts[]> {
    if (!isFrr(family)) return []
    const { address } = this.links[link]
    const list = await this.vtysh(`show bgp ${NAMES[family]} neighbors ${address} advertised-routes json`)
    const { advertisedRoutes } = JSON.parse(list) as {
      advertisedRoutes: Record<string, Record<string, Advertised>>
    }
    return (await this.paths(family))
      .filter(({ path }) => path.sourced === true)
      .flatMap(({ rd, name, facts: { asPath: _, ...rest } }) => {
        const advertised = advertisedRoutes[rd]?.[name]
        if (typeof advertised !== 'object') return []
        const nextHop = advertised.nextHopGlobal ?? advertised.nextHop ?? ''
        return [{ ...rest, nextHop: this.itself(nextHop) }]
      })
  }

  /** A next hop of zeros is FRR's own address of that family. */
  private itself(nextHop: string): string {
    const { vpn, ipv6 } = this.links
    return nextHop === '0.0.0.0' ? vpn.peerAddress : nextHop === '::' ? ipv6.peerAddress : nextHop
  }

  async originate(family: FamilyName): Promise<void> {
    if (!isFrr(family)) return
    await this.configure(`address-family ${NAMES[family]}`, NETWORKS[family])
    if (family === 'EVPN') {
      await this.exec('ip', 'link', 'set', 'vxlan', 'up')
      await this.exec('bridge', 'fdb', 'add', MAC, 'dev', 'port', 'master', 'static')
    }
  }

  async withdraw(family: FamilyName): Promise<void> {
    if (!isFrr(family)) return
    await this.configure(
      `address-family ${NAMES[family]}`,
      `no ${NETWORKS[family].replace(/ route(-map TARGET|rmac .*)/, '')}`,
    )
    if (family === 'EVPN') {
      await this.exec('bridge', 'fdb', 'del', MAC, 'dev', 'port', 'master')
      await this.exec('ip', 'link', 'set', 'vxlan', 'down')
    }
  }

  async session(link: LinkName): Promise<ShownSession> {
    const { remoteAs, bgpState, messageStats } = await this.neighbor(link)
    return {
      established: bgpState === 'Established',
      as: remoteAs,
      refreshesSent: messageStats['routeRefreshSent']!,
      refreshesReceived: messageStats['routeRefreshRecv']!,
      updatesReceived: messageStats['updatesRecv']!,
    }
  }

  requestRefresh(link: LinkName, family: FamilyName): Promise<unknown> {
    return this.vtysh(`clear bgp ${NAMES[family as FrrFamily]} ${this.links[link].address} soft in`)
  }

  private async neighbor(link: LinkName): Promise<Neighbor> {
    const { address } = this.links[link]
    const shown = JSON.parse(await this.vtysh(`show bgp neighbors ${address} json`)) as Record<
      string,
      Neighbor
    >
    return shown[address]!
  }

  private vtysh(...lines: readonly string[]): Promise<string> {
    return this.exec('vtysh', '--vty_socket', this.directory, ...lines.flatMap((line) => ['-c', line]))
  }

  private configure(...lines: readonly string[]): Promise<string> {
    return this.vtysh('configure terminal', `router bgp ${AS}`, ...lines)
  }

  /** All paths of a family in its table. */
  private async paths(family: FamilyName): Promise<Shown[]> {
    if (!isFrr(family)) return []
    if (family === 'EVPN') {
      const tables = JSON.parse(await this.vtysh('show bgp l2vpn evpn route detail json')) as Record<
        string,
        Table
      >
      return Object.entries(tables)
        .filter(([rd]) => rd.includes(':'))
        .flatMap(([rd, table]) =>
          Object.entries(table)
            .filter(([name]) => name !== 'rd')
            .flatMap(([name, route]) => shownOf(rd, name, evpnRoute(route), route.paths.flat())),
        )
    }
    const text = await this.vtysh(`show bgp ${NAMES[family]}`)
    const prefixes = new Set([...text.matchAll(/[\da-f.:]+\/\d+/g)].map(([prefix]) => prefix))
    const shown = await Promise.all(
      [...prefixes].map(async (prefix) => {
        const tables = JSON.parse(await this.vtysh(`show bgp ${NAMES[family]} ${prefix} json`)) as Record<
          string,
          Route
        >
        // The JSON leaves out the labels of its own routes.
        const own = new RegExp(`${prefix}[^\\n]*\\n[^\\n]*label=(\\d+)`).exec(text)?.[1]
        return Object.entries(tables).flatMap(([rd, { paths }]) =>
          shownOf(rd, prefix, prefix, paths.flat(), own),
        )
      }),
    )
    return shown.flat()
  }

  private config(): string {
    const families = (link: Link) => (link.isFull ? Object.values(NAMES) : ['ipv4 vpn', 'ipv6 vpn'])
    const links = LINK_NAMES.map((name) => this.links[name])
    return `hostname frr
route-map TARGET permit 10
 set extcommunity rt ${TARGET}
router bgp ${AS}
 bgp router-id ${this.links.vpn.peerAddress}
 bgp graceful-restart
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 no bgp network import-check
${links.map(({ address, as, key }) => ` neighbor ${address} remote-as ${as}\n neighbor ${address} passive\n${key === null ? '' : ` neighbor ${address} password ${key}\n`}`).join('')}${Object.values(
  NAMES,
)
  .map(
    (family) => ` address-family ${family}
${links
  .filter((link) => families(link).includes(family))
  .map(({ address }) => `  neighbor ${address} activate\n`)
  .join(
    '',
  )}${family === NAMES.EVPN ? `  advertise-all-vni\n  vni ${VNI}\n   rd ${RD}\n   route-target both ${TARGET}\n  exit-vni\n` : ''} exit-address-family
`,
  )
  .join('')}`
  }
}
