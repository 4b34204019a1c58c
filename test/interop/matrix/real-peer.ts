import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../../../src/lab/lab.ts'
import type { LabProcess } from '../../../src/lab/process.ts'
import type { CellName, Column } from './cell.ts'
import type { Facts, FamilyName, Field } from './facts.ts'
import type { LinkName, Links } from './links.ts'
import type { Ours } from './ours.ts'

/** A route as the peer's own words show it. */
export interface ShownRoute {
  readonly facts: Facts
  /** Kept while its sender is away. */
  readonly stale: boolean
}

/** A session as the peer's own words show it. */
export interface ShownSession {
  readonly established: boolean
  /** Our AS. */
  readonly as: number
  /** ROUTE-REFRESH messages with which the other side asked. */
  readonly refreshesSent: number
  readonly refreshesReceived: number
  readonly updatesReceived: number
}

/** Something that this version of a peer does not have. */
export interface Lack {
  readonly note: string
  /** Tries it all the same; resolves to whether the peer still refuses. */
  readonly isStillLacking: (column: Column) => Promise<boolean>
}

/** The cells of the families that a peer lacks. */
export function lackedCells({
  evpn,
  rtc,
  flowSpec,
  flowSpec6,
}: Record<'rtc' | 'flowSpec' | 'flowSpec6', Lack> & { readonly evpn?: Lack }): Partial<
  Record<CellName, Lack>
> {
  return {
    ...(evpn && { 'EVPN out': evpn, 'EVPN in': evpn }),
    'RTC out': rtc,
    'RTC in': rtc,
    'RTC: peer filters': rtc,
    'RTC: we filter': rtc,
    'FlowSpec-VPNv4 out': flowSpec,
    'FlowSpec-VPNv4 in': flowSpec,
    'FlowSpec-VPNv6 out': flowSpec6,
    'FlowSpec-VPNv6 in': flowSpec6,
  }
}

/** A program of Debian's with a session to each of our speakers, in a namespace of its own. */
export abstract class RealPeer {
  abstract readonly name: string
  protected abstract readonly executable: string
  protected readonly lab: Lab
  protected readonly namespace: string
  protected readonly links: Links
  protected processes: LabProcess[] = []
  private starts = 0

  constructor(lab: Lab, namespace: string, links: Links) {
    this.lab = lab
    this.namespace = namespace
    this.links = links
  }

  /** What of the routes of a family its words never tell. */
  unshown(_family: FamilyName): readonly Field[] {
    return []
  }

  /** Why the routes that it advertises are not its own but those of a feeder; null when they are its own. */
  readonly passesOn: string | null = null
  /** Why it keeps routes that were withdrawn; null for a peer in its right mind. */
  readonly keepsWithdrawn: string | null = null
  /** What it cannot do, by cell. */
  abstract lacks(): Partial<Record<CellName, Lack>>
  /** Writes its configuration and what else it needs once. */
  abstract prepare(): Promise<void>
  protected abstract launch(): void
  /** Throws until it takes commands. */
  abstract answers(): Promise<unknown>
  /** Whether it knows what it has to know of its own machine to advertise routes on a session. */
  knowsItsAddresses(_link: LinkName): Promise<boolean> {
    return Promise.resolve(true)
  }

  /** The routes of a family that it has of our speaker on a link. */
  abstract held(link: LinkName, family: FamilyName): Promise<ShownRoute[]>
  /** The routes of a family that it advertises to our speaker on a link. */
  abstract reported(link: LinkName, family: FamilyName): Promise<Facts[]>
  /** Makes it advertise routes of a family; `feeder` has a session with it and can be what they come from. */
  abstract originate(family: FamilyName, feeder: Ours): Promise<unknown>
  /** Makes it withdraw them; `fromFeeder` withdraws those of the feeder. */
  abstract withdraw(family: FamilyName, fromFeeder: () => Promise<void>): Promise<unknown>
  abstract session(link: LinkName): Promise<ShownSession>
  /** Makes it ask us for a family again. */
  abstract requestRefresh(link: LinkName, family: FamilyName): Promise<unknown>

  /** Makes it a member of a route target, where it knows of such things. */
  join(_target: string): Promise<unknown> {
    return Promise.resolve()
  }

  leave(_target: string): Promise<unknown> {
    return Promise.resolve()
  }

  /** Makes it advertise a VPNv4 route with this target, besides the others. */
  originateWith(_target: string): Promise<unknown> {
    throw new Error(`${this.name} advertises VPNv4 routes of one kind only`)
  }

  start(): void {
    if (!existsSync(this.executable)) throw new Error(`${this.executable} is missing`)
    this.launch()
    this.starts++
  }

  /** Ends it at once, without a NOTIFICATION. */
  async kill(): Promise<void> {
    const running = this.processes
    this.processes = []
    await Promise.all(running.map((process) => process.stop('SIGKILL')))
  }

  /** Makes it drop our routes on a link: it ends the session. Only for those who keep what was withdrawn. */
  reset(_link: LinkName): Promise<unknown> {
    throw new Error(`${this.name} needs no reset`)
  }

  /** Removes what it made outside of the lab. */
  close(): void {}

  /** Why it ended by itself; undefined while it runs. */
  get failure(): string | undefined {
    const failed = this.processes.find(({ failure }) => failure !== undefined)
    return failed && `${failed.name} ended: ${failed.failure}`
  }

  /** TCP segments that its kernel has dropped for their MD5 signature. */
  async signatureFailures(): Promise<number> {
    const shown = await this.exec('nstat', '-asz', 'TcpExtTCPMD5Failure')
    return Number(/TCPMD5Failure\s+(\d+)/.exec(shown)?.[1] ?? 0)
  }

  tail(): string {
    return this.processes.map((process) => process.tail(8)).join('\n')
  }

  protected run(...command: readonly string[]): void {
    const [program = ''] = command
    const name = `${this.namespace}-${program.split('/').at(-1)}-${this.starts}`
    this.processes.push(this.lab.start(this.namespace, name, ...command))
  }

  protected exec(...command: readonly string[]): Promise<string> {
    return this.lab.exec(this.namespace, ...command)
  }

  protected file(name: string): string {
    return join(this.lab.directory, `${this.namespace}-${name}`)
  }
}
