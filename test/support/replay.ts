import { readFileSync } from 'node:fs'
import type {
  Accept,
  Connection,
  ConnectionHandlers,
  Listener,
  Transport,
} from '../../src/bgp/session/transport.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Dataplane, Entry } from '../../src/dataplane/model.ts'
import type { EventSink } from '../../src/events/event.ts'
import {
  callName,
  isOneWay,
  RECORDING_VERSION,
  type RecordedEvent,
  type RecordingHeader,
  seededRandom,
} from '../../src/record/recording.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from './events.ts'
import { ip } from './speakers.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Node's timers are early by less than a millisecond, those of a replay are not. */
const EARLY_MS = 2

export interface Recording {
  readonly header: RecordingHeader
  readonly events: readonly RecordedEvent[]
}

/** Reads the last recording of a file. Throws where it is of another version, or lines of it were dropped. */
export function readRecording(file: string): Recording {
  const lines: unknown[] = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  const start = lines.findLastIndex((line) => (line as { type?: string }).type === 'header')
  if (start < 0) throw new Error(`${file} is no recording: it has no header`)
  const header = lines[start] as RecordingHeader
  if (header.version !== RECORDING_VERSION)
    throw new Error(`${file} is of version ${header.version}: this is for ${RECORDING_VERSION}`)
  const events = lines.slice(start + 1) as RecordedEvent[]
  if (events.some(({ at }) => at === undefined)) throw new Error(`${file} has a gap: lines were dropped`)
  return { header, events }
}

/** The core of the recorded daemon as it was at the end of the recording. */
export interface Replayed {
  readonly speaker: Speaker
  readonly vpns: VpnService
  readonly clock: VirtualClock
  /** The desired state, by identity. */
  readonly desired: ReadonlyMap<string, Entry>
  /** What attaches and detaches were refused with. */
  readonly refusals: readonly string[]
}

/** Runs the core on virtual time, fed with what was recorded. `sink` gets the events of its sessions and routes. */
export async function replay({ header, events }: Recording, sink: EventSink = noEvents): Promise<Replayed> {
  const clock = new ReplayClock(header.epoch)
  const transport = new ReplayTransport()
  const dataplane = new ReplayDataplane()
  const refusals: string[] = []
  const environment = { clock, random: seededRandom(header.seed), transport, events: sink }
  const speaker = new Speaker(header.speaker, environment, () => {})
  const vpns = new VpnService(
    { ...header.vpn, lacks: () => null },
    speaker,
    Dataplanes.shared(dataplane.proxy()),
    noEvents,
  )
  const refused = (error: Error) => void refusals.push(error.message)
  const restored = header.state === null ? null : vpns.restore(header.state)
  if (header.former !== null) vpns.recall(header.former)

  const act = (event: RecordedEvent): void => {
    switch (event.type) {
      case 'started':
        return void speaker.start()
      case 'attach':
        return void vpns.attach(event.request).catch(refused)
      case 'detach':
        return void vpns.detach(event.request).catch(refused)
      case 'order':
        return order(speaker, event)
      case 'reload':
        Object.assign(header.vpn.mobility, event.mobility)
        speaker.setTimes(event.times)
        return void speaker.setPeers(event.peers, event.dynamicPeers)
      case 'answer':
      case 'failure':
      case 'callback':
        return dataplane.act(event)
      default:
        return transport.act(event)
    }
  }
  for (const event of events) {
    await clock.run(Math.max(0, event.at - clock.now()))
    for (let late = 0; late < EARLY_MS && !transport.knows(event); late++) await clock.run(1)
    act(event)
  }
  await clock.run(0)
  await restored
  return { speaker, vpns, clock, desired: dataplane.desired, refusals }
}

function order(
  speaker: Speaker,
  { peer: address, action, reason }: Extract<RecordedEvent, { type: 'order' }>,
): void {
  const peer = speaker.peers.get(ip(address))
  if (peer === undefined) throw new Error(`the replay has no peer ${address}`)
  if (action === 'enable') return peer.enable()
  if (action === 'disable') return peer.disable(reason)
  if (action === 'reset') return peer.reset(reason)
  for (const family of peer.negotiated?.families ?? []) peer.requestRefresh(family)
}

class ReplayClock extends VirtualClock {
  private readonly begunAt: number

  constructor(begunAt: number) {
    super()
    this.begunAt = begunAt
  }

  override epoch(): number {
    return this.begunAt + this.now()
  }
}

type TransportEvent = Extract<
  RecordedEvent,
  { type: 'connected' | 'drained' | 'data' | 'closed' | 'accepted' }
>

/** Connections on which the recorded octets arrive; what is written goes nowhere. */
class ReplayTransport implements Transport {
  private readonly handlers = new Map<string, ConnectionHandlers>()
  private readonly accepts = new Map<string, Accept>()
  private readonly counts = new Map<string, number>()

  connect({ address, localAddress }: Parameters<Transport['connect']>[0], handlers: ConnectionHandlers) {
    const remote = `to ${formatIp(address)}`
    const number = (this.counts.get(remote) ?? 0) + 1
    this.counts.set(remote, number)
    this.handlers.set(`${remote} ${number}`, handlers)
    return silentConnection(localAddress, address)
  }

  async listen({ address, port }: Parameters<Transport['listen']>[0], accept: Accept): Promise<Listener> {
    this.accepts.set(`${formatIp(address)} ${port}`, accept)
    return { protect() {}, close() {} }
  }

  /** Whether the connection that an event is about is there. */
  knows(event: RecordedEvent): boolean {
    return !('connection' in event) || event.type === 'accepted' || this.handlers.has(event.connection)
  }

  act(event: TransportEvent): void {
    if (event.type === 'accepted') return this.accept(event)
    const handlers = this.handlers.get(event.connection)
    if (handlers === undefined) throw new Error(`the replay has no connection ${event.connection}`)
    if (event.type === 'data') return handlers.data(Buffer.from(event.bytes, 'base64'))
    if (event.type === 'closed')
      return handlers.closed(event.reason === null ? null : new Error(event.reason))
    handlers[event.type]()
  }

  private accept({ connection, local, remote, port }: Extract<TransportEvent, { type: 'accepted' }>): void {
    const accept = this.accepts.get(`${local} ${port}`)
    const handlers = accept?.(silentConnection(ip(local), ip(remote))) ?? null
    if (handlers !== null) this.handlers.set(connection, handlers)
  }
}

function silentConnection(localAddress: Ip, remoteAddress: Ip): Connection {
  return { localAddress, remoteAddress, unsent: 0, write() {}, close() {} }
}

type Settle = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void }
type DataplaneEvent = Extract<RecordedEvent, { type: 'answer' | 'failure' | 'callback' }>

/** Keeps what is wanted, and answers what was answered. */
class ReplayDataplane {
  readonly desired = new Map<string, Entry>()
  private readonly asked = new Map<string, Settle[]>()
  private readonly early = new Map<string, DataplaneEvent[]>()
  private readonly callbacks = new Map<string, (...values: unknown[]) => void>()

  proxy(): Dataplane {
    const { desired } = this
    const own = {
      want: (entry: Entry) => void desired.set(identity(entry), entry),
      unwant: (entry: Entry) => void desired.delete(identity(entry)),
      release: (entry: Entry) => void desired.delete(identity(entry)),
      clear() {},
    }
    return new Proxy(own as unknown as Dataplane, {
      get: (target, verb) => {
        if (typeof verb !== 'string' || verb in target) return Reflect.get(target, verb)
        return (...args: unknown[]) => {
          const call = callName(verb, args)
          const callback = args.find((one) => typeof one === 'function')
          if (callback !== undefined) this.callbacks.set(call, callback as () => void)
          return isOneWay(verb) ? undefined : this.ask(call)
        }
      },
    })
  }

  act(event: DataplaneEvent): void {
    if (event.type === 'callback') return this.callbacks.get(event.call)?.(...event.values)
    const settle = this.asked.get(event.call)?.shift()
    if (settle !== undefined) return settled(settle, event)
    this.early.set(event.call, [...(this.early.get(event.call) ?? []), event])
  }

  private ask(call: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const answer = this.early.get(call)?.shift()
      if (answer !== undefined) settled({ resolve, reject }, answer)
      else this.asked.set(call, [...(this.asked.get(call) ?? []), { resolve, reject }])
    })
  }
}

function settled({ resolve, reject }: Settle, event: DataplaneEvent): void {
  if (event.type === 'answer') resolve(event.result)
  else if (event.type === 'failure') reject(new Error(event.reason))
}
