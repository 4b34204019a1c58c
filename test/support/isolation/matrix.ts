import { readdirSync, writeFileSync } from 'node:fs'
import { PATIENCE_SECONDS } from '../../../src/lab/eventually.ts'
import { ethernet } from '../frames.ts'
import { type Socket, within } from '../sockets.ts'
import { until } from '../until.ts'
import type { Harm, Observers, Origin } from './observers.ts'
import type { Sending, Vantage } from './vantage.ts'

/** A place that a VM sends from. */
export interface Environment {
  readonly name: string
  readonly vantage: Omit<Vantage, 'mark'>
  readonly origin: Origin
  readonly marker: Marker
}

/** A packet that has to arrive, sent after those that must not. */
export interface Marker {
  readonly socket: Socket
  readonly frames: (mark: Buffer) => readonly Buffer[]
  /** Where it has to arrive. */
  readonly witnesses: readonly Socket[]
}

/** A frame to all VMs of a network, of an experimental protocol that no stack handles. */
export function broadcastMarker(socket: Socket, mac: string, witnesses: readonly Socket[]): Marker {
  return {
    socket,
    frames: (mark) => [ethernet('ff:ff:ff:ff:ff:ff', mac, 0x88b6, mark)],
    witnesses,
  }
}

let names = 0
const nextMark = (): Buffer => Buffer.from(`mark-${String(++names).padStart(8, '0')}`)

/** Sends, waits until a marker that was sent later has arrived, twice, and says what arrived where it must not. */
export async function harmOf(
  sending: Sending,
  { vantage, origin, marker }: Environment,
  observers: Observers,
): Promise<Harm> {
  observers.reset()
  origin.socket.take()
  const mark = nextMark()
  for (const frame of sending.frames({ ...vantage, mark })) origin.socket.send(frame)
  for (let i = 0; i < 2; i++) await arrives(marker)
  return observers.harm(mark, origin)
}

/** Milliseconds after which a marker is sent again: a socket whose buffer is full drops frames. */
const MARKER_INTERVAL = 200

/** Sends a marker and waits until it is wherever it has to be. */
export async function arrives(
  { socket, frames, witnesses }: Marker,
  withinSeconds = PATIENCE_SECONDS,
): Promise<void> {
  const mark = nextMark()
  let missing = witnesses
  let nextAt = 0
  const look = () => {
    if (performance.now() >= nextAt) {
      for (const frame of frames(mark)) socket.send(frame)
      nextAt = performance.now() + MARKER_INTERVAL
    }
    missing = missing.filter((witness) => !witness.take().some((frame) => frame.includes(mark)))
    return missing.length === 0
  }
  const seen = () => `not at ${missing.length} of ${witnesses.length} places`
  await until(`${mark} arrives`, look, { seen, withinSeconds })
}

/** Sets what a namespace does with packets whose source is not where they come from. */
export function setReversePathFilter(namespace: string, value: 0 | 2): void {
  const root = '/proc/sys/net/ipv4/conf'
  within(namespace, () => {
    for (const device of readdirSync(root)) writeFileSync(`${root}/${device}/rp_filter`, `${value}`)
  })
}

export function setForwarding(namespace: string, on: boolean): void {
  within(namespace, () => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', on ? '1' : '0')
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', on ? '1' : '0')
  })
}
