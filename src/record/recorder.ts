import { randomInt } from 'node:crypto'
import type { Accept, Connection, ConnectionHandlers, Transport } from '../bgp/session/transport.ts'
import type { Clock } from '../clock.ts'
import type { Dataplane } from '../dataplane/model.ts'
import type { DaemonEvent, EventSink } from '../events/event.ts'
import type { LogOutput } from '../log-output/log-output.ts'
import { formatIp } from '../values/address.ts'
import type { VpnConfig } from '../vpn/config.ts'
import type { VpnService } from '../vpn/service.ts'
import {
  callName,
  type InputEvent,
  isOneWay,
  RECORDING_VERSION,
  type RecordingHeader,
  seededRandom,
} from './recording.ts'

const HIDDEN_KEY = 'hidden'

export interface RecorderDependencies {
  readonly clock: Clock
  /** Accepts a line without blocking, and drops it when it is full. */
  readonly output: Pick<LogOutput, 'write' | 'health'>
  readonly events: EventSink
}

/** Records the core's inputs from outside, so that a run can be replayed on virtual time. */
export class Recorder {
  readonly seed = randomInt(2 ** 32)
  /** The core's source of random numbers. */
  readonly random = seededRandom(this.seed)
  private readonly clock: Clock
  private readonly output: RecorderDependencies['output']
  private readonly events: EventSink
  private readonly startedAt: number
  private readonly connections = new Map<string, number>()
  private isFailing = false

  constructor({ clock, output, events }: RecorderDependencies) {
    this.clock = clock
    this.output = output
    this.events = events
    this.startedAt = clock.now()
  }

  /** Writes the first line; keys of peers are left out. */
  begin(facts: Pick<RecordingHeader, 'chanter' | 'speaker' | 'state' | 'former'> & { vpn: VpnConfig }): void {
    const { lacks: _, ...vpn } = facts.vpn
    const header: RecordingHeader = {
      type: 'header',
      version: RECORDING_VERSION,
      epoch: this.clock.epoch(),
      seed: this.seed,
      ...facts,
      vpn,
    }
    this.line(header)
  }

  write(event: InputEvent): void {
    const at = Math.round((this.clock.now() - this.startedAt) * 1000) / 1000
    this.line({ at, ...event })
  }

  /** Operators' orders are recorded as events. */
  readonly read = (event: DaemonEvent): void => {
    if (event.type !== 'peer-order') return
    const { peer, action, reason } = event
    this.write({ type: 'order', peer, action, reason })
  }

  transport(of: Transport): Transport {
    return {
      ...of,
      connect: (options, handlers) => {
        const name = this.nameOf('to', formatIp(options.address))
        return of.connect(options, this.handlers(name, handlers))
      },
      listen: (at, accept) => of.listen(at, this.accepting(at.port, accept)),
    }
  }

  dataplane(of: Dataplane): Dataplane {
    return new Proxy(of, {
      get: (target, verb) => {
        const member: unknown = Reflect.get(target, verb)
        if (typeof member !== 'function' || typeof verb !== 'string') return member
        return (...args: unknown[]) => {
          const call = callName(verb, args)
          const result: unknown = Reflect.apply(
            member,
            target,
            args.map((one) => this.recalled(call, one)),
          )
          return isOneWay(verb) ? result : this.answer(call, result)
        }
      },
    })
  }

  attachments(of: Pick<VpnService, 'attach' | 'detach'>): Pick<VpnService, 'attach' | 'detach'> {
    return {
      attach: (request) => {
        this.write({ type: 'attach', request })
        return of.attach(request)
      },
      detach: (request) => {
        this.write({ type: 'detach', request })
        return of.detach(request)
      },
    }
  }

  private accepting(port: number, accept: Accept): Accept {
    return (connection: Connection) => {
      const [local, remote] = [formatIp(connection.localAddress), formatIp(connection.remoteAddress)]
      const name = this.nameOf('from', remote)
      this.write({ type: 'accepted', connection: name, local, remote, port })
      const handlers = accept(connection)
      return handlers && this.handlers(name, handlers)
    }
  }

  private nameOf(direction: 'to' | 'from', remote: string): string {
    const name = `${direction} ${remote}`
    const number = (this.connections.get(name) ?? 0) + 1
    this.connections.set(name, number)
    return `${name} ${number}`
  }

  private handlers(connection: string, to: ConnectionHandlers): ConnectionHandlers {
    return {
      connected: () => {
        this.write({ type: 'connected', connection })
        to.connected()
      },
      data: (chunk) => {
        this.write({ type: 'data', connection, bytes: chunk.toString('base64') })
        to.data(chunk)
      },
      drained: () => {
        this.write({ type: 'drained', connection })
        to.drained()
      },
      closed: (error) => {
        this.write({ type: 'closed', connection, reason: error?.message ?? null })
        to.closed(error)
      },
    }
  }

  private recalled(call: string, argument: unknown): unknown {
    if (typeof argument !== 'function') return argument
    return (...values: unknown[]) => {
      this.write({ type: 'callback', call, values })
      return Reflect.apply(argument, undefined, values)
    }
  }

  private async answer(call: string, answer: unknown): Promise<unknown> {
    try {
      const result = await answer
      this.write(result === undefined ? { type: 'answer', call } : { type: 'answer', call, result })
      return result
    } catch (error) {
      this.write({ type: 'failure', call, reason: error instanceof Error ? error.message : String(error) })
      throw error
    }
  }

  private line(value: object): void {
    this.output.write(`${JSON.stringify(value, withoutKeys)}\n`)
    const { path, failure } = this.output.health()
    if (failure !== null && !this.isFailing)
      this.events.emit({ type: 'recording-failed', file: path ?? '', reason: failure.reason })
    this.isFailing = failure !== null
  }
}

/** For JSON: keys of TCP MD5 signatures are secrets. */
function withoutKeys(name: string, value: unknown): unknown {
  return name === 'md5Key' && value !== null ? HIDDEN_KEY : value
}
