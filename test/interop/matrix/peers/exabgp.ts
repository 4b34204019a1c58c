import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventually, Hopeless } from '../../../../src/lab/eventually.ts'
import type { CellName } from '../cell.ts'
import { FAMILIES, type Facts, type FamilyName, type Field } from '../facts.ts'
import { held, whileReported } from '../family-cells.ts'
import { AS, LINK_NAMES, type Link, type LinkName } from '../links.ts'
import { Ours } from '../ours.ts'
import { type Lack, RealPeer, type ShownRoute, type ShownSession } from '../real-peer.ts'
import { REDIRECT, SECOND_TARGET, TARGET } from '../routes.ts'
import { factsOf } from './exabgp-text.ts'

/** Names of the families in what it shows. */
const NAMES: Readonly<Record<FamilyName, string>> = {
  EVPN: 'l2vpn evpn',
  VPNv4: 'ipv4 mpls-vpn',
  VPNv6: 'ipv6 mpls-vpn',
  RTC: 'ipv4 rtc',
  'FlowSpec-VPNv4': 'ipv4 flow-vpn',
  'FlowSpec-VPNv6': 'ipv6 flow-vpn',
}

const RD = '64512:12'
const flow = (destination: string, protocol: string) =>
  `flow route { rd ${RD}; match { destination ${destination}; ${protocol} tcp; destination-port =80; } then { redirect ${REDIRECT}; extended-community [ target:${TARGET} ]; } }`

/** ExaBGP, spoken to by the process of its API: what we append to a file, it does, and what it answers stands in another. */
export class ExaBgp extends RealPeer {
  readonly name = 'ExaBGP'
  protected readonly executable = '/usr/sbin/exabgp'
  private readonly config = this.file('exabgp.conf')
  private readonly script = this.file('exabgp.sh')
  private commands = ''
  private answersFile = ''
  private launches = 0

  override unshown(family: FamilyName): readonly Field[] {
    return family === 'EVPN' ? ['nextHop'] : []
  }

  lacks(): Partial<Record<CellName, Lack>> {
    return {
      'RTC: peer filters': {
        note: 'ExaBGP 4.2 only reports memberships: it sends every route to every peer',
        isStillLacking: async (column) => {
          const route = this.vpn('12.88.0.0/24', this.links.vpn.peerAddress, SECOND_TARGET)
          await this.command(`announce ${route}`)
          await column.eventually('ExaBGP advertises what we do not want', async () => {
            const learnt = column.our('vpn').learnt('VPNv4')
            return learnt.some(({ targets }) => targets === SECOND_TARGET)
              ? { value: true }
              : { seen: 'nothing' }
          })
          await this.command(`withdraw ${route}`)
          return true
        },
      },
      'refresh: we ask': {
        note: 'ExaBGP 4.2.21 ends the session when it answers a request where enhanced route refresh (RFC 7313) was agreed on: it takes its own BoRR for an UPDATE',
        isStillLacking: async (column) => {
          await whileReported(column, 'vpn', 'VPNv4', async (words) => {
            const { bgpPeer: peer } = column.our('vpn')
            const { establishedCount } = peer.sessions
            peer.requestRefresh(FAMILIES.VPNv4)
            await column.eventually('ExaBGP has ended the session', async () =>
              peer.sessions.establishedCount > establishedCount
                ? { value: true }
                : { seen: peer.sessions.state },
            )
            await column.established('vpn')
            return words
          })
          return true
        },
      },
      'GR: we restart': {
        note: 'ExaBGP 4.2 advertises graceful restart and does nothing about it: what it has of a peer outlives every session, even one that ended with a Cease',
        isStillLacking: async (column) => {
          const ours = column.our('vpn')
          const reported = ours.originate('VPNv4')
          await held(column, 'vpn', 'VPNv4', reported)
          ours.stop()
          await column.eventually('the session is down, says ExaBGP', async () =>
            (await this.session('vpn')).established ? { seen: 'it is up' } : { value: true },
          )
          const { length } = await this.held('vpn', 'VPNv4')
          column.ours.set('vpn', await new Ours(ours.link).start())
          await column.established('vpn')
          return length === reported.length
        },
      },
    }
  }

  async prepare(): Promise<void> {
    writeFileSync(
      this.config,
      `process link { run ${this.script}; encoder json; }\n${LINK_NAMES.map((name) => neighbour(this.links[name], this.links.vpn)).join('')}`,
    )
  }

  protected launch(): void {
    this.launches++
    this.commands = this.file(`exabgp-commands-${this.launches}`)
    this.answersFile = this.file(`exabgp-answers-${this.launches}`)
    writeFileSync(this.commands, '')
    writeFileSync(
      this.script,
      `#!/bin/sh\ntail --pid=$$ -n +1 -f ${this.commands} &\nexec cat >> ${this.answersFile}\n`,
    )
    chmodSync(this.script, 0o700)
    const settings = [
      'daemon.user=root',
      'daemon.daemonize=false',
      'api.ack=true',
      'api.cli=false',
      'log.all=false',
    ]
    const plugin = fileURLToPath(new URL('exabgp.py', import.meta.url))
    this.run('env', ...settings.map((one) => `exabgp.${one}`), '/usr/bin/python3', plugin, this.config)
  }

  async answers(): Promise<unknown> {
    if (!existsSync(this.answersFile)) {
      appendFileSync(this.commands, '')
      throw new Error('it has not started its process')
    }
    return this.command('version')
  }

  async held(link: LinkName, family: FamilyName): Promise<ShownRoute[]> {
    const routes = await this.adjRib('in', link, family)
    return routes.map((facts) => ({ facts, stale: false }))
  }

  async reported(link: LinkName, family: FamilyName): Promise<Facts[]> {
    const routes = await this.adjRib('out', link, family)
    return routes.map(({ asPath: _, ...rest }) => rest)
  }

  originate(family: FamilyName): Promise<unknown> {
    return this.command(`announce ${this.words(family)}`)
  }

  withdraw(family: FamilyName): Promise<unknown> {
    return this.command(`withdraw ${this.words(family)}`)
  }

  override join(target: string): Promise<unknown> {
    return this.command(`announce membership ${target} ${this.links.vpn.peerAddress}`)
  }

  override leave(target: string): Promise<unknown> {
    return this.command(`withdraw membership ${target} ${this.links.vpn.peerAddress}`)
  }

  async session(link: LinkName): Promise<ShownSession> {
    const sections = (await this.command('show neighbor extensive')).split(/^Neighbor /m)
    const shown = sections.find((section) => section.startsWith(`${this.links[link].address}\n`)) ?? ''
    const count = (message: string, column: 1 | 2) =>
      Number(new RegExp(`^ +${message}: +(\\d+) +(\\d+)`, 'm').exec(shown)?.[column] ?? 0)
    return {
      established: /state +ESTABLISHED/.test(shown),
      as: Number(/^ +AS +\d+ +(\d+)/m.exec(shown)?.[1]),
      refreshesSent: count('refresh', 1),
      refreshesReceived: count('refresh', 2),
      updatesReceived: count('update', 2),
    }
  }

  requestRefresh(link: LinkName, family: FamilyName): Promise<unknown> {
    return this.command(`neighbor ${this.links[link].address} announce route-refresh ${NAMES[family]}`)
  }

  /** What follows `advertise` and `withdraw`. */
  private words(family: FamilyName): string {
    const { vpn, ipv6 } = this.links
    switch (family) {
      case 'EVPN':
        return `evpn ${vpn.peerAddress}`
      case 'VPNv4':
        return this.vpn('12.0.0.0/24', vpn.peerAddress, TARGET)
      case 'VPNv6':
        return this.vpn('2001:db8:12::/48', ipv6.peerAddress, TARGET)
      case 'RTC':
        return `membership ${SECOND_TARGET} ${vpn.peerAddress}`
      case 'FlowSpec-VPNv4':
        return flow('12.0.0.0/24', 'protocol')
      case 'FlowSpec-VPNv6':
        return flow('2001:db8:12::/48/0', 'next-header')
    }
  }

  private vpn(prefix: string, nextHop: string, target: string): string {
    return `route ${prefix} rd ${RD} next-hop ${nextHop} label 77 extended-community [ target:${target} ]`
  }

  private async adjRib(direction: 'in' | 'out', link: LinkName, family: FamilyName): Promise<Facts[]> {
    const lines = (await this.command(`show adj-rib ${direction} extensive`)).split('\n')
    return lines
      .filter((line) => line.startsWith(`neighbor ${this.links[link].address} `))
      .map((line) => line.split(` family-allowed in-open ${NAMES[family]} `)[1])
      .filter((words) => words !== undefined)
      .map((words) => factsOf(family, words))
  }

  /** Gives a command and returns what it prints, up to its verdict; events between the lines are left out. */
  private async command(words: string): Promise<string> {
    const before = readFileSync(this.answersFile, 'utf8').length
    appendFileSync(this.commands, `${words}\n`)
    const lines = await eventually(`ExaBGP answers to: ${words}`, async () => {
      const printed = readFileSync(this.answersFile, 'utf8').slice(before).split('\n')
      const reported = printed.filter((line) => !line.startsWith('{'))
      if (reported.includes('error')) throw new Hopeless(`ExaBGP refuses: ${words}; ${this.tail()}`)
      const end = reported.indexOf('done')
      return end < 0 ? { seen: reported.join('\n') } : { value: reported.slice(0, end) }
    })
    return lines.join('\n')
  }
}

const neighbour = (
  { address, peerAddress, as, key, isFull }: Link,
  { peerAddress: identifier }: Link,
): string =>
  `
neighbor ${address} {
  router-id ${identifier};
  local-address ${peerAddress};
  local-as ${AS};
  peer-as ${as};
  passive;
  listen 179;
  hold-time 90;
  ${key === null ? '' : `md5-password '${key}';`}
  family {${(Object.keys(NAMES) as FamilyName[])
    .filter((family) => (isFull ? false : family.startsWith('VPN')))
    .map((family) => ` ${NAMES[family]};`)
    .join('')} }
  capability { route-refresh; graceful-restart 120; asn4 enable; }
  adj-rib-in true;
  adj-rib-out true;
  api { processes [ link ]; neighbor-changes; }
}
`.replace(/ {2}family \{ \}\n/, '')
