import type { Clock } from '../../clock.ts'
import { type EventSink, errorOf } from '../../events/event.ts'
import type { Driver, NeighbourTable } from '../driver.ts'
import { type AskingSteps, takeSteps, whenAnswered } from '../eventual.ts'
import type { FullNeighbourTable, NeighbourFamily } from '../model.ts'
import { Rounds } from './rounds.ts'

const INTERVAL_MS = 10_000

interface TableReading {
  /** In milliseconds of the clock. */
  readonly at: number
  readonly refused: number
}

export interface NeighbourTablesDependencies {
  readonly clock: Clock
  readonly driver: Pick<Driver, 'neighbourTables' | 'neighbourCounts'>
  readonly events: EventSink
}

/** Knows which neighbour tables of the kernel are full: without an entry in them the node sends nothing to a host, its BGP peers among them. */
export class NeighbourTables {
  private readonly clock: Clock
  private readonly driver: NeighbourTablesDependencies['driver']
  private readonly events: EventSink
  private readonly readings = new Map<NeighbourFamily, TableReading>()
  private readonly full = new Map<NeighbourFamily, FullNeighbourTable>()
  readonly rounds: Rounds

  constructor({ clock, driver, events }: NeighbourTablesDependencies) {
    this.clock = clock
    this.driver = driver
    this.events = events
    this.rounds = new Rounds(
      clock,
      INTERVAL_MS,
      (done) => void whenAnswered(takeSteps(this.measuring()), done),
    )
  }

  /** Those that refused neighbours in the last interval. */
  allFull(): Iterable<FullNeighbourTable> {
    return this.full.values()
  }

  private *measuring(): AskingSteps<void> {
    try {
      for (const table of yield* this.rounds.answerTo(this.driver.neighbourTables()))
        yield* this.assess(table)
    } catch (error) {
      if (this.rounds.isRunning)
        this.events.emit({ type: 'neighbour-tables-unreadable', error: errorOf(error) })
    }
  }

  private *assess({ family, refused, limit }: NeighbourTable): AskingSteps<void> {
    const at = this.clock.now()
    const before = this.readings.get(family) ?? { at, refused }
    this.readings.set(family, { at, refused })
    const grown = refused - before.refused
    if (grown <= 0) return this.end(family)
    const most = mostOf(yield* this.rounds.answerTo(this.driver.neighbourCounts(family)))
    const seconds = Math.round((at - before.at) / 1000)
    if (!this.full.has(family)) {
      const device = most?.device ?? null
      this.events.emit({ type: 'neighbour-table-full', family, refused: grown, device })
    }
    this.full.set(family, { family, refused: grown, seconds, limit, most })
  }

  private end(family: NeighbourFamily): void {
    if (this.full.delete(family)) this.events.emit({ type: 'neighbour-table-free', family })
  }
}

function mostOf(counts: ReadonlyMap<string, number>): FullNeighbourTable['most'] {
  let most: FullNeighbourTable['most'] = null
  for (const [device, entries] of counts) if (entries > (most?.entries ?? 0)) most = { device, entries }
  return most
}
