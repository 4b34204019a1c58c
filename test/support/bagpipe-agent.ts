import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import type { Lab } from '../../src/lab/lab.ts'

/** One request that the agent made, and how it was answered; status 0 where it was not. */
export interface AgentCall {
  readonly action: 'attach_localport' | 'detach_localport'
  readonly body: Readonly<Record<string, unknown>>
  readonly status: number
  readonly answer: string
}

export interface AgentAnswer {
  /** Since the last answer. */
  readonly calls: readonly AgentCall[]
  readonly status: 'UP' | 'DOWN'
  /** The traceback of an exception that ended what the agent was doing. */
  readonly error: string | null
}

/** As the BGPVPN of Neutron's API. */
export interface BgpVpn {
  readonly id: string
  readonly type: 'l2' | 'l3'
  readonly route_targets?: readonly string[]
  readonly import_targets?: readonly string[]
  readonly export_targets?: readonly string[]
  readonly local_pref?: number
  readonly vni?: number
}

const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('agent.py', import.meta.url))

/** The real agent code of networking-bagpipe beside a daemon, see agent.py. */
export class BagpipeAgent {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>
  #stderr = ''

  constructor(kind: 'linuxbridge' | 'ovs', { host, api }: LabDaemon) {
    const command = ['netns', 'exec', host.namespace, PYTHON, SCRIPT, kind, api.host, `${api.port}`]
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr!.on('data', (chunk) => {
      this.#stderr = `${this.#stderr}${chunk}`.slice(-10_000)
    })
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  /** Has the agent do something; resolves when it is done. */
  async order(what: string, details: Readonly<Record<string, unknown>> = {}): Promise<AgentAnswer> {
    this.#child.stdin!.write(`${JSON.stringify({ do: what, ...details })}\n`)
    const { value, done } = await this.#answers.next()
    if (done === true) throw new Error(`the agent ended: ${this.#stderr}`)
    return JSON.parse(value) as AgentAnswer
  }

  /** As `order`; all that the agent asks has to be granted. */
  async ask(what: string, details: Readonly<Record<string, unknown>> = {}): Promise<AgentAnswer> {
    const answer = await this.order(what, details)
    expectGranted(answer.calls)
    expect(answer.error).toBeNull()
    return answer
  }

  /** Waits until the agent sees the daemon so. */
  async sees(lab: Lab, status: AgentAnswer['status'], seconds = 20): Promise<void> {
    await lab.eventually(
      `the agent is ${status}`,
      async () => {
        const answer = await this.order('look')
        return answer.status === status ? { value: status } : { seen: answer.status }
      },
      seconds,
    )
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

export function expectGranted(calls: AgentAnswer['calls']): void {
  const refused = calls.filter(({ status, answer }) => status !== 200 || answer !== 'null')
  expect(refused).toEqual([])
}

/** As agent.py makes them of names. */
export function uuidOf(name: string): string {
  const hex = Buffer.from(name).toString('hex').padEnd(32, '0').slice(0, 32)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
