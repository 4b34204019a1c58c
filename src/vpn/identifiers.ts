import { FIRST_LABEL, LAST_VNI } from '../bgp/values/label.ts'

/** Numbers from a range, each in one hand at a time, with what it is for. Freed ones come back last, so that peers forget them first. */
export class Identifiers {
  private readonly uses = new Map<number, string>()
  private readonly first: number
  private readonly last: number
  private next: number

  constructor(first: number, last: number) {
    this.first = first
    this.last = last
    this.next = first
  }

  /** A number that nobody has, nor anybody else on the machine; undefined when all are taken. */
  take(use: string, isElsewhere: (candidate: number) => boolean = () => false): number | undefined {
    for (let tried = this.first; tried <= this.last; tried++) {
      const candidate = this.next
      this.next = candidate === this.last ? this.first : candidate + 1
      if (!this.uses.has(candidate) && !isElsewhere(candidate) && this.claim(candidate, use)) return candidate
    }
    return undefined
  }

  /** As `take`, but the last that nobody has. */
  takeLast(use: string, isElsewhere: (candidate: number) => boolean): number | undefined {
    for (let candidate = this.last; candidate >= this.first; candidate--)
      if (!this.uses.has(candidate) && !isElsewhere(candidate) && this.claim(candidate, use)) return candidate
    return undefined
  }

  /** Takes this very number; false when somebody has it. */
  claim(number: number, use: string): boolean {
    if (this.uses.has(number)) return false
    this.uses.set(number, use)
    return true
  }

  release(number: number): void {
    this.uses.delete(number)
  }

  useOf(number: number): string | undefined {
    return this.uses.get(number)
  }

  /** Numbers in use and what for. */
  entries(): IterableIterator<[number, string]> {
    return this.uses.entries()
  }
}

/** VNIs, given and allocated ones in one space; those that nobody asked for start where labels do. */
export const vnis = (): Identifiers => new Identifiers(FIRST_LABEL, LAST_VNI)

/** The numbers behind our address in route distinguishers. */
export const rdNumbers = (): Identifiers => new Identifiers(1, 0xffff)
