/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** Dice of their own for one purpose, so that what is drawn for another changes nothing here. */
  static for(seed: number, purpose: string): Random {
    let hash = 0x811c9dc5 ^ seed
    for (const letter of purpose) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x0100_0193)
    const random = new Random(hash)
    random.next()
    return random
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length - 1)]!
  }

  /** Some of them, in their order; at least one. */
  some<T>(from: readonly T[]): T[] {
    const chosen = from.filter(() => this.chance(0.5))
    return chosen.length > 0 ? chosen : [this.pick(from)]
  }
}
