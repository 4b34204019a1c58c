import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchJson, request, type Server } from '../../src/client.ts'
import { API_PORT } from '../../src/config/api-address.ts'
import { UNPROTECTED } from '../../src/config/api-options.ts'
import { CHANTER, formatIni } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { eventually } from '../../src/lab/eventually.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { AS } from '../../src/lab/two-nodes.ts'

const LOG_KIB = 8192
const STATE_KIB = 4096
/** Sessions that are silent for that long are lost, and none that are silent for less. */
export const HOLD_SECONDS = 9
/** A daemon that has the kernel to itself finds drift without a notification within this time. */
export const RESYNC_SECONDS = 10
/** The time of day of a process is as far off as a file says, in ms. Timers of Node do not run in the forwarding thread. */
const OTHER_TIME = `
import { readFileSync } from 'node:fs'
const now = Date.now
let offset = 0
let readAt = -Infinity
Date.now = () => {
  if (performance.now() - readAt > 100) {
    readAt = performance.now()
    try { offset = Number(readFileSync(process.env.CLOCK_OFFSET, 'utf8')) } catch {}
  }
  return now() + offset
}
`

export interface NodeOptions {
  readonly peer: string
  /** The kernel is programmed by a thread of its own. */
  readonly forwardingThread: boolean
  /** The log goes to standard output and a reader behind it, instead of a file. */
  readonly logToReader: boolean
}

export interface ShownStatus {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly routes: { readonly state: string }
  /** Nodes whose routes were withdrawn all at once, to which traffic goes on for a while. */
  readonly vanished: readonly unknown[]
}

export interface ShownVerification {
  readonly missing: number
  readonly different: number
  readonly extra: number
  readonly faults: readonly { readonly fault: string; readonly entry: string }[]
}

/** A compute node whose machine is in trouble now and then, and the daemon on it. The API is reached by a network of its own. */
export class ChaosNode {
  readonly lab: Lab
  readonly host: LabHost
  readonly vms: readonly Vm[]
  readonly api: Server
  readonly stateDisk: string
  readonly logDisk: string
  readonly options: NodeOptions
  daemon: LabProcess | undefined
  logReader: LabProcess | undefined
  #starts = 0

  constructor(lab: Lab, host: LabHost, vms: readonly Vm[], api: string, options: NodeOptions) {
    this.lab = lab
    this.host = host
    this.vms = vms
    this.api = { host: api, port: API_PORT }
    this.options = options
    this.stateDisk = lab.addDisk(`${host.name}-state`, STATE_KIB)
    this.logDisk = lab.addDisk(`${host.name}-log`, LOG_KIB)
    writeFileSync(this.#path('clock.mjs'), OTHER_TIME)
    this.setClock(0)
    if (options.logToReader) this.#startLogReader()
  }

  get name(): string {
    return this.host.name
  }

  get pid(): number {
    return this.daemon!.pid!
  }

  get stateFile(): string {
    return join(this.stateDisk, 'state')
  }

  get configFile(): string {
    return this.#path('conf')
  }

  /** Starts the daemon; resolves when it answers. */
  async start(): Promise<void> {
    writeFileSync(this.configFile, this.#config())
    const name = `${this.name}-daemon${++this.#starts}`
    const words = [CHANTER, 'daemon', '--config-file', this.configFile]
    const environment = [
      `CLOCK_OFFSET=${this.#path('offset')}`,
      `NODE_OPTIONS=--import=${this.#path('clock.mjs')}`,
    ]
    const into = this.options.logToReader ? ['sh', '-c', `exec "$@" > ${this.#path('fifo')}`, 'sh'] : []
    this.daemon = this.lab.start(this.host.namespace, name, ...into, 'env', ...environment, ...words)
    await this.lab.eventually(`the API of ${this.name} answers`, async () => {
      const { status, body } = await request(this.api, '/ping')
      return status === 200 ? { value: body } : { seen: `${status} ${body}` }
    })
  }

  /** Starts the daemon where it has ended by itself, as its supervisor does. */
  async startIfEnded(): Promise<void> {
    const daemon = this.daemon!
    const isAlive = await eventually(`${this.name} answers, or has ended`, async () => {
      if (daemon.failure !== undefined) return { value: false }
      return { value: (await request(this.api, '/ping')).status === 200 }
    })
    if (isAlive) return
    daemon.kill() // its end is no failure of the lab
    await this.start()
  }

  /** Sets the daemon's time of day off by that many ms. */
  setClock(ms: number): void {
    writeFileSync(this.#path('offset'), `${ms}`)
  }

  /** Runs `ip` on the node. */
  ip(...words: readonly string[]): Promise<string> {
    return run('ip', '-n', this.host.namespace, ...words)
  }

  /** Runs `bridge` on the node. */
  bridge(...words: readonly string[]): Promise<string> {
    return run('bridge', '-netns', this.host.namespace, ...words)
  }

  /** Runs many lines of `ip` or `bridge` at once. */
  async batch(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    const file = this.#path('batch')
    writeFileSync(file, `${lines.join('\n')}\n`)
    await run(program, program === 'ip' ? '-n' : '-netns', this.host.namespace, '-force', '-batch', file)
  }

  status(): Promise<ShownStatus> {
    return fetchJson<ShownStatus>(this.api, '/status')
  }

  async verify(): Promise<ShownVerification> {
    const { status, body } = await request(this.api, '/status/verify', {})
    if (status !== 200) throw new Error(`verify: ${status} ${body}`)
    return JSON.parse(body)
  }

  /** How often the session with the reflector has come up since the daemon was started. */
  async sessions(): Promise<number> {
    const peer = await fetchJson<{ protocol: { established_count: number } }>(
      this.api,
      `/looking-glass/bgp/peers/${this.options.peer}`,
    )
    return peer.protocol.established_count
  }

  /** What the daemon has open, by kind. */
  files(): string[] {
    const directory = `/proc/${this.pid}/fd`
    return readdirSync(directory).map((fd) => {
      try {
        return readlinkSync(join(directory, fd)).replace(/:\[.*/, '')
      } catch {
        return 'closed'
      }
    })
  }

  /** Resident memory of the daemon, in MiB. */
  residentMib(): number {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kib) / 1024)
  }

  /** The last lines that the daemon logged. */
  logTail(lines: number): string {
    const file = this.options.logToReader ? this.logReader!.logFile : join(this.logDisk, 'chanter.log')
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** The other end of the node's underlay link, on the switch. */
  get uplink(): string {
    return `to-${this.name}`
  }

  #startLogReader(): void {
    const { host } = this
    // opened for reading and writing, so that neither end waits for the other
    const words = ['sh', '-c', `mkfifo ${this.#path('fifo')} && exec cat <> ${this.#path('fifo')}`]
    this.logReader = this.lab.start(host.namespace, `${host.name}-log-reader`, ...words)
  }

  #config(): string {
    const { peer, forwardingThread, logToReader } = this.options
    return formatIni({
      BGP: {
        local_address: this.host.address,
        my_as: AS,
        peers: peer,
        hold_time: HOLD_SECONDS,
        connect_retry_time: 1,
      },
      DEFAULT: {
        state_file: this.stateFile,
        forwarding_thread: `${forwardingThread}`,
        resync_interval: RESYNC_SECONDS,
        // refused requests are logged at a limited rate, but each request at this level
        ...(logToReader ? { debug: 'true' } : { log_file: join(this.logDisk, 'chanter.log') }),
      },
      API: { host: '0.0.0.0', port: API_PORT, unprotected: UNPROTECTED, request_rate: 0 },
      DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
    })
  }

  #path(name: string): string {
    return join(this.lab.directory, `${this.name}.${name}`)
  }
}
