import { type LabDaemon, startChanter, startChanterReflector } from '../../src/lab/chanter.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addVm } from '../../src/lab/network.ts'
import { AS, buildTwoNodes, type ReflectorKind } from '../../src/lab/two-nodes.ts'
import { Flow } from './flow.ts'
import { type Loss, monotonicMs, type Outcome } from './flow-account.ts'
import { attach, detach, session } from './interop.ts'
import { addPlace, type Place, QuickMover } from './mover.ts'

/** When the old node is detached. */
export const ORDERS = [
  'after the attach at the new node',
  'before the attach',
  'at once with the attach',
  'long after the attach',
  'after the attach, and back again at once',
] as const
export type Order = (typeof ORDERS)[number]

/** Whether the VM runs at the new node, and speaks there, before it is attached or after. */
export const ARRIVALS = ['runs before the attach', 'runs after the attach'] as const
export type Arrival = (typeof ARRIVALS)[number]

/** In milliseconds of `monotonicMs`. */
interface Span {
  readonly fromMs: number
  readonly untilMs: number
}

/** What one migration did to the packets towards the VM. */
export interface Migration {
  readonly order: Order
  readonly arrival: Arrival
  readonly outageMs: number
  /** Of it, what the lab took for its steps until the last one began; no control plane could do anything about that. */
  readonly labMs: number
  /** Packets that were lost apart from the outage. */
  readonly strays: number
}

interface Home extends Place {
  readonly daemon: LabDaemon
}

const MAC = '02:00:00:00:01:01'
const REFLECTOR = '10.77.0.1'
/** Routes that arrive within ten seconds of a start may be older than an attach. */
const NEWS_MS = 11_000
/** A migration is watched for that long. */
const WATCH_MS = 250
/** The same where the VM is alone: a node that has only just asked for the routes of a network knows the order of attaches by their second. */
const WATCH_ALONE_MS = 1100
const PACKETS_A_SECOND = 1000

/** A VM that moves between two nodes, while a third one sends to it. */
export class Migrations {
  readonly lab = new Lab()
  private readonly alone: boolean
  private readonly homes: Home[] = []
  private readonly steps: { readonly order: Order; readonly arrival: Arrival; readonly lab: Span }[] = []
  private third!: LabDaemon
  private mover!: QuickMover
  private flow!: Flow
  private at = 0

  /** With `alone`, the VM is the only one of its network at the second node. */
  constructor(alone: boolean) {
    this.alone = alone
  }

  /** Starts the network and the flow. */
  async start(reflector: ReflectorKind): Promise<void> {
    const { lab } = this
    const network = await buildTwoNodes(lab)
    const [{ host: first, vm }, { host: second, vm: source }] = network.sites
    const third = await addNode(lab, network.reflector, 'node3', '10.77.0.13')
    const hosts = [first, second, third]
    if (reflector === 'gobgp') await startGobgp(lab, network.reflector, AS, hosts)
    else await startChanterReflector(lab, network.reflector, AS)
    const daemons = await Promise.all(
      hosts.map((host) =>
        startChanter(lab, host, {
          BGP: { peers: REFLECTOR, my_as: AS },
          // a VM that moves on and on would be taken for two
          DATAPLANE_DRIVER_EVPN: { mac_duplicate_moves: 0 },
        }),
      ),
    )
    const [one, two, three] = daemons as [LabDaemon, LabDaemon, LabDaemon]
    for (const daemon of daemons) await session(lab, daemon, REFLECTOR, true)
    const places = await addPlace(vm, third)
    this.homes.push({ daemon: one, ...places[0] }, { daemon: three, ...places[1] })
    this.third = two
    await attach(one, await addVm(lab, first, 'vm3', 0x020000000103, '192.168.10.3/24'))
    if (!this.alone) await attach(three, await addVm(lab, third, 'vm4', 0x020000000104, '192.168.10.4/24'))
    await attach(one, vm)
    await attach(two, source)
    await this.isFollowed(NEWS_MS)
    this.mover = await QuickMover.start(places)
    this.flow = await Flow.start(lab, source, vm, PACKETS_A_SECOND)
  }

  async migrate(order: Order, arrival: Arrival): Promise<void> {
    await this.once(order, arrival)
    if (order === 'after the attach, and back again at once') await this.once(order, arrival)
    await this.isFollowed(this.alone ? WATCH_ALONE_MS : WATCH_MS)
    if (order === 'long after the attach') await this.detachOld()
  }

  /** Ends the flow. */
  async stop(): Promise<{ readonly there: Outcome; readonly migrations: readonly Migration[] }> {
    const { there } = await this.flow.stop()
    const migrations = this.steps.map(({ order, arrival, lab }, i) => {
      const until = this.steps[i + 1]?.lab.fromMs ?? Number.POSITIVE_INFINITY
      const losses = there.losses.filter(({ fromMs }) => fromMs >= lab.fromMs - 1 && fromMs < until - 1)
      const outage = losses.reduce<Loss | null>((a, b) => (lengthOf(b) > lengthOf(a) ? b : a), null)
      const labMs = this.steps.reduce((sum, { lab }) => sum + overlap(lab, outage), 0)
      const strays = losses.reduce((sum, loss) => sum + (loss === outage ? 0 : loss.packets), 0)
      return { order, arrival, outageMs: lengthOf(outage), labMs, strays }
    })
    return { there, migrations }
  }

  close(): void {
    this.mover?.close()
    this.lab.close()
  }

  private async once(order: Order, arrival: Arrival): Promise<void> {
    const old = this.homes[this.at]!
    this.at = 1 - this.at
    const next = this.homes[this.at]!
    const fromMs = monotonicMs()
    if (order === 'before the attach') await detach(old.daemon, old.vm)
    if (arrival === 'runs before the attach') this.mover.move(old, next)
    let untilMs = monotonicMs()
    const attached = attach(next.daemon, next.vm)
    if (order === 'at once with the attach') await detach(old.daemon, old.vm)
    await attached
    if (arrival === 'runs after the attach') {
      this.mover.move(old, next)
      untilMs = monotonicMs()
    }
    this.steps.push({ order, arrival, lab: { fromMs, untilMs } })
    if (order === 'after the attach at the new node' || order === 'after the attach, and back again at once')
      await this.detachOld()
  }

  private detachOld(): Promise<void> {
    const { daemon, vm } = this.homes[1 - this.at]!
    return detach(daemon, vm)
  }

  /** Waits for that long at least, and until the third node sends to where the VM is. */
  private async isFollowed(ms: number): Promise<void> {
    const { address } = this.homes[this.at]!.daemon.host
    const since = performance.now()
    await this.lab.eventually(`the third node sends to ${address}`, async () => {
      const waited = performance.now() - since
      if (waited < ms) return { seen: `${waited} ms` }
      const shown = await this.lab.exec(
        this.third.host.namespace,
        ...['bridge', 'fdb', 'show', 'dev', 'vxlan--net1'],
      )
      return shown.includes(`${MAC} dst ${address}`) ? { value: shown } : { seen: shown }
    })
  }
}

const lengthOf = (span: Span | null): number => (span === null ? 0 : span.untilMs - span.fromMs)

function overlap(a: Span, b: Span | null): number {
  if (b === null) return 0
  return Math.max(0, Math.min(a.untilMs, b.untilMs) - Math.max(a.fromMs, b.fromMs))
}
