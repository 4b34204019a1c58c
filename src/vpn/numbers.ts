import { RequestError } from '../api/errors.ts'
import { FIRST_LABEL, LAST_VNI } from '../bgp/values/label.ts'
import { type NumberSource, rdNumbersOf } from './attachments.ts'
import type { ChangedState } from './changed-state.ts'
import { Identifiers, type IsElsewhere, type Time } from './identifiers.ts'
import type { NumberRange, SavedState } from './state.ts'

/** Numbers that are taken for an attachment. */
export interface TakenNumbers extends NumberSource {
  /** The attachment is refused. */
  giveBack(): void
}

/** The numbers in advertised routes: labels, VNIs, and those after our address in route distinguishers. */
export class Numbers {
  readonly labels: Identifiers
  /** Requested and allocated ones in one space; allocated ones start at the labels' first. */
  readonly vnis: Identifiers
  readonly rds: Identifiers

  constructor(labels: readonly [number, number], time: Time, changes: ChangedState) {
    const kept = (range: NumberRange, first: number, last: number): Identifiers => {
      const changed = (what: 'next' | number): void => {
        if (what === 'next') changes.touch('next', range, () => numbers.nextNumber)
        else changes.touch('freed', `${range} ${what}`, () => numbers.freedNumber(what))
      }
      const numbers = new Identifiers(first, last, time, changed)
      changed('next')
      return numbers
    }
    this.labels = kept('labels', ...labels)
    this.vnis = kept('vnis', FIRST_LABEL, LAST_VNI)
    this.rds = kept('rds', 1, 0xffff)
  }

  /** Allocates a number for a route distinguisher of an instance or one of its endpoints. Throws `RequestError`. */
  takeRd(use: string): number {
    const number = this.rds.take(use)
    if (number === undefined)
      throw new RequestError('NUMBERS_EXHAUSTED', 'all route distinguishers are taken')
    return number
  }

  /** Numbers for an attachment of an instance; for a `labelUse` it gets a label at once. Throws `RequestError`. */
  async takeFor(id: string, labelUse: string | null, isElsewhere: IsElsewhere): Promise<TakenNumbers> {
    const taken: (() => void)[] = []
    const label = labelUse === null ? null : await this.labels.takeUnless(isElsewhere, labelUse)
    if (label === undefined)
      throw new RequestError('NUMBERS_EXHAUSTED', 'all MPLS labels of label_range are taken')
    if (label !== null) taken.push(() => this.labels.giveBack(label))
    return {
      label: () => label!,
      rd: () => {
        const number = this.takeRd(id)
        taken.push(() => this.rds.giveBack(number))
        return number
      },
      giveBack: () => {
        for (const release of taken.splice(0)) release()
      },
    }
  }

  /** The part that a later process has to know beside the numbers in use. */
  snapshot(): NonNullable<SavedState['numbers']> {
    return { labels: this.labels.snapshot(), vnis: this.vnis.snapshot(), rds: this.rds.snapshot() }
  }

  /** Continues from the state of an earlier process; call it before any number is taken. */
  restore(kept: SavedState['numbers']): void {
    if (kept === undefined) return
    this.labels.restore(kept.labels)
    this.vnis.restore(kept.vnis)
    this.rds.restore(kept.rds)
  }

  /** Treats the numbers of an earlier process that is not continued as freed just now. */
  recall({ instances, numbers }: Pick<SavedState, 'instances' | 'numbers'>): void {
    this.restore(numbers)
    for (const instance of instances) {
      const { id, rdNumber, attachments } = instance
      for (const { label } of attachments) this.labels.recall(label, id)
      for (const number of [rdNumber, ...attachments.flatMap(rdNumbersOf)]) this.rds.recall(number, id)
      if (instance.type === 'evpn') this.vnis.recall(instance.vni, id)
    }
  }
}
