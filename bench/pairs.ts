import { execFileSync } from 'node:child_process'
import { systemClock } from '../src/clock.ts'
import { Reconciler } from '../src/dataplane/engine/reconciler.ts'
import { LinuxDriver } from '../src/dataplane/linux/driver.ts'
import { linuxDefinition } from '../src/dataplane/linux/kinds/index.ts'
import { messages } from '../src/dataplane/linux/message.ts'
import { Requests } from '../src/dataplane/linux/requests.ts'
import { NetlinkSocket } from '../src/dataplane/linux/socket.ts'
import type { Entry, Neighbour, RemoteMac } from '../src/dataplane/model.ts'
import { type Ip, ipv4FromNumber } from '../src/values/address.ts'
import { noEvents } from '../test/support/events.ts'

/** Messages to a send, which is best for the kernel. */
const BATCH = 64
const VNI = 100
const VTEPS: readonly Ip[] = Array.from({ length: 64 }, (_, i) => ipv4FromNumber(0xc0000202 + i))

export const network: Entry[] = [
  { kind: 'bridge', device: 'br0', external: false, alias: 'chanter:bench' },
  {
    kind: 'vxlan',
    device: 'vx0',
    alias: 'chanter:bench',
    vni: VNI,
    local: ipv4FromNumber(0x7f000001),
    port: 4789,
    mtu: null,
    underlay: null,
  },
  { kind: 'port', device: 'vx0', bridge: 'br0', external: false, learning: false, neighSuppress: true },
]

export function remoteMac(i: number): RemoteMac {
  const dst = VTEPS[i % VTEPS.length] ?? ipv4FromNumber(0)
  return { kind: 'remote-mac', device: 'vx0', mac: 0x02_00_00_00_00_00 + i, dst, vni: VNI }
}

export function neighbour(i: number): Neighbour {
  return {
    kind: 'neighbour',
    device: 'br0',
    ip: ipv4FromNumber(0x0a000000 + i),
    mac: 0x02_00_00_00_00_00 + i,
    router: false,
  }
}

export interface Session {
  readonly driver: LinuxDriver
  readonly reconciler: Reconciler
}

export async function openSession(): Promise<Session> {
  const driver = new LinuxDriver({ clock: systemClock })
  const reconciler = new Reconciler({ clock: systemClock, driver, events: noEvents })
  reconciler.start()
  for (const entry of network) reconciler.want(entry)
  const open = await reconciler.settled(network)
  if (open.length > 0) throw new Error(`not in place: ${JSON.stringify(open)}`)
  return { driver, reconciler }
}

export function closeSession({ driver, reconciler }: Session): void {
  reconciler.stop()
  driver.close()
  for (const link of ['vx0', 'br0']) execFileSync('ip', ['link', 'del', link])
}

/** Seconds that the kernel takes to set, and to remove, for messages that are ready, without a listener. */
export interface KernelLimit {
  readonly set: number
  readonly remove: number
}

export async function kernelLimit(count: number): Promise<KernelLimit> {
  const session = await openSession()
  const targets = { vx0: session.driver.link('vx0'), br0: session.driver.link('br0') }
  session.reconciler.stop()
  session.driver.close()
  const socket = new NetlinkSocket()
  const set = timed(socket, [...encoded('encode', count, targets)])
  const remove = timed(socket, [...encoded('encodeRemoval', count, targets)])
  socket.close()
  for (const link of ['vx0', 'br0']) execFileSync('ip', ['link', 'del', link])
  return { set, remove }
}

/** Seconds that the kernel takes for these messages. */
function timed(socket: NetlinkSocket, batches: readonly Buffer[]): number {
  const start = performance.now()
  for (const bytes of batches) {
    if (socket.send({ bytes, length: bytes.length }) < 0) throw new Error('send failed')
    const received = socket.receive()
    if (typeof received === 'string') throw new Error(received)
    for (const answer of messages(socket.bytes, received)) {
      if (answer.bytes.readInt32LE(answer.start) !== 0) throw new Error('refused')
    }
  }
  return (performance.now() - start) / 1000
}

function* encoded(
  how: 'encode' | 'encodeRemoval',
  count: number,
  targets: Record<'vx0' | 'br0', { index: number; vni: number | null } | undefined>,
) {
  const requests = new Requests()
  const { vx0, br0 } = targets
  if (vx0 === undefined || br0 === undefined) throw new Error('no devices')
  const take = () => {
    requests.writer.acknowledge()
    const bytes = Buffer.from(requests.writer.bytes.subarray(0, requests.writer.length))
    requests.writer.clear()
    return bytes
  }
  for (const [entryOf, target] of [[remoteMac, vx0] as const, [neighbour, br0] as const]) {
    for (let i = 0; i < count; i++) {
      const entry = entryOf(i)
      linuxDefinition(entry.kind)[how]?.(requests, entry, target, () => 0)
      if (requests.writer.count === BATCH) yield take()
    }
    if (requests.writer.count > 0) yield take()
  }
  requests.close()
}
