import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NoAnswer, request } from '../../src/client.ts'
import { type DaemonSettings, type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { formatIp } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import { Random } from '../sim/random.ts'
import { decodeState } from './state.ts'

/** What differs from one kind of network to the other. */
export interface Torment {
  readonly lab: Lab
  readonly host: LabHost
  readonly seed: number
  /** Ports are `tap1` to `tap` and this number. */
  readonly ports: number
  /** The networks that a port may be in. */
  readonly networks: readonly string[]
  readonly settings: DaemonSettings
  /** The daemon lives at most so long under load, in milliseconds. */
  readonly longest: number
  /** What attach and detach say of a port in a network, one request behind the other. */
  requests(port: number, network: string): readonly Readonly<Record<string, unknown>>[]
  /** Waits until the kernel, and what the daemon reports, hold what the agent wants and nothing else. */
  expectTruth(wanted: ReadonlyMap<number, string | null>, daemon: LabDaemon, when: string): Promise<void>
}

/** A machine whose daemon is killed again and again while its agent goes on asking. */
export class Tormented {
  private readonly torment: Torment
  private readonly random: Random
  private daemon: LabDaemon | null = null
  /** What the agent wants of each port: the network it is in, or null. */
  private readonly wanted = new Map<number, string | null>()
  /** What it was answered last of each request, by what the request names; what was not answered is left out. */
  private readonly answered = new Map<string, boolean>()
  private readonly history: string[] = []

  constructor(torment: Torment) {
    this.torment = torment
    this.random = new Random(torment.seed)
  }

  async endure(kills: number): Promise<void> {
    const { seed, longest } = this.torment
    await this.start()
    for (let kill = 1; kill <= kills; kill++) {
      const dying = this.daemon!
      const load = this.load(dying)
      const pause = this.random.between(0, longest)
      await new Promise((resolve) => setTimeout(resolve, pause))
      await dying.process.stop('SIGKILL')
      await load
      this.expectKept()
      this.history.push(`killed after ${pause} ms`)
      await this.start()
      await this.requestAgain()
      await this.truth(`kill ${kill} (SEED=${seed}): ${this.history.slice(-30).join(', ')}`)
    }
    for (const [port, network] of this.wanted) {
      this.wanted.set(port, null)
      if (network !== null) await this.ask(this.daemon!, port, network, null)
    }
    await this.truth('all is detached')
    await this.daemon!.process.stop('SIGTERM')
  }

  /** What was answered is in the state of the daemon that was killed. */
  private expectKept(): void {
    const { lab, host, seed } = this.torment
    const file = join(lab.directory, `${host.name}.state`)
    // before it has answered anything, it need not have kept anything
    const { instances } = existsSync(file) ? decodeState(readFileSync(file, 'utf8')) : { instances: [] }
    const kept = new Set(
      instances.flatMap(({ id, attachments }) =>
        attachments.map(({ mac, ip }) => `${id} ${formatMac(mac)} ${ip && formatIp(ip)}`),
      ),
    )
    const wrong = [...this.answered].filter(([attachment, isThere]) => kept.has(attachment) !== isThere)
    if (wrong.length > 0)
      throw new Error(
        `SEED=${seed}: answered, but not kept: ${JSON.stringify(wrong)} after ${this.history.slice(-30).join(', ')}`,
      )
  }

  private async start(): Promise<void> {
    const { lab, host, settings } = this.torment
    this.daemon = await startChanter(lab, host, settings)
  }

  private truth(when: string): Promise<void> {
    return this.torment.expectTruth(this.wanted, this.daemon!, `${this.torment.host.name} after ${when}`)
  }

  /** Attaches and detaches until the daemon no longer answers. */
  private async load(daemon: LabDaemon): Promise<void> {
    for (;;) {
      const port = this.random.between(1, this.torment.ports)
      const now = this.wanted.get(port) ?? null
      const next = now === null ? this.random.pick(this.torment.networks) : null
      this.history.push(`${port} to ${next ?? 'nowhere'}`)
      this.wanted.set(port, next)
      if (!(await this.ask(daemon, port, now, next))) return
    }
  }

  /** The agent repeats requests without an answer. */
  private async requestAgain(): Promise<void> {
    for (const [port, network] of this.wanted) {
      for (const other of this.torment.networks)
        if (other !== network) await this.ask(this.daemon!, port, other, null)
      if (network !== null && !(await this.ask(this.daemon!, port, null, network)))
        throw new Error('the daemon does not answer')
    }
  }

  /** False when the daemon did not answer. */
  private async ask(
    { api }: LabDaemon,
    port: number,
    from: string | null,
    to: string | null,
  ): Promise<boolean> {
    const path = to === null ? '/detach_localport' : '/attach_localport'
    try {
      for (const body of this.torment.requests(port, to ?? from ?? '')) {
        const [ip] = `${body['ip_address']}`.split('/')
        const attachment = `${body['vpn_instance_id']} ${body['mac_address']} ${ip}`
        this.answered.delete(attachment)
        const { status, body: answer } = await request(api, path, body)
        if (to !== null && status !== 200) throw new Error(`attach: ${status} ${answer}`)
        this.answered.set(attachment, to !== null)
      }
      return true
    } catch (error) {
      if (error instanceof NoAnswer) return false
      throw error
    }
  }
}
