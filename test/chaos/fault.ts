import type { Random } from '../sim/random.ts'
import type { ChaosNode } from './node.ts'
import type { World } from './world.ts'

/** What has to come through a fault unharmed, while it lasts and after. */
export type Promised = 'packets' | 'session' | 'state'

/** A fault that has begun. */
export interface Trouble {
  /** What was done, for the history: `vxlan--red renamed`. */
  readonly what: string
  /** How long it is left alone, in ms. */
  readonly lastsMs?: number
  /** The expected line of `chanter status` of the node meanwhile. */
  readonly reports?: RegExp
  /** What may be lost by it: packets between the first VMs, the session of the node, its attachments. */
  readonly costs?: readonly Promised[]
  /** Puts the machine right, where that is not what the daemon has to do by itself. */
  end?(): Promise<void>
}

/** Something that goes wrong on a machine. To add one: an object like this, and its name in `index.ts`. */
export interface Fault {
  readonly name: string
  /** How often it is drawn, beside those of the others. */
  readonly weight: number
  /** It is of the whole network: nothing else goes wrong beside it, and what it costs, it costs every node. */
  readonly isShared?: true
  /** Begins it on the node; everything that is by chance is drawn from `random`. */
  start(world: World, node: ChaosNode, random: Random): Promise<Trouble>
}
