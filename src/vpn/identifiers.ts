import type { Clock } from '../clock.ts'
import { assert } from '../values/assert.ts'
import type { FreedNumber, KeptNumbers } from './state.ts'

export type Time = Pick<Clock, 'now' | 'epoch'>

/**
 * How long a freed number is not allocated again: peers that lost their sessions with us notice within their hold time, up to 180 s
 * in common use, and keep our routes as stale ones for the restart time after that, 120 s; those of a reflector that restarts, 120 s and the
 * wait for its End-of-RIB, 420 s.
 */
const HOLD_MS = 600_000

/** Whether another program on the node has the number. */
export type IsElsewhere = (candidate: number) => boolean | Promise<boolean>

interface Freed {
  /** The former use of the number. */
  readonly use: string
  /** On the monotonic clock. */
  readonly at: number
}

/**
 * Numbers from a range, each with one owner at a time and its use. They are allocated in turn, over restarts too, and freed ones
 * wait, so that no number serves another tenant while peers may still send to it.
 */
export class Identifiers {
  private readonly uses = new Map<number, string>()
  /** The earliest freed first. */
  private readonly freed = new Map<number, Freed>()
  private readonly first: number
  private readonly last: number
  private readonly time: Time
  private readonly changed: (what: 'next' | number) => void
  private next: number

  /** `changed` reports each part of `snapshot` that has changed: the next number, or whether a number is freed. */
  constructor(first: number, last: number, time: Time, changed: (what: 'next' | number) => void = () => {}) {
    this.first = first
    this.last = last
    this.time = time
    this.changed = changed
    this.next = first
  }

  /** The number to try next. */
  get nextNumber(): number {
    return this.next
  }

  /** A free number; undefined when all are taken. If only recently freed ones are left, the earliest freed one. */
  take(use: string): number | undefined {
    this.forget()
    this.changed('next')
    for (let tried = this.first; tried <= this.last; tried++) {
      const candidate = this.next
      this.next = candidate === this.last ? this.first : candidate + 1
      if (this.isIdle(candidate) && this.claim(candidate, use)) return candidate
      assert(this.isInRange(this.next), 'the next number is out of its range', this.next)
    }
    for (const candidate of this.freed.keys())
      if (this.isInRange(candidate) && this.claim(candidate, use)) return candidate
    return undefined
  }

  /** As `take`, but a number that no other program on the node has. */
  takeUnless(isElsewhere: IsElsewhere, use: string): Promise<number | undefined> {
    return this.pick(() => this.take(use), isElsewhere)
  }

  /** As `takeUnless`, but the last of them. */
  takeLastUnless(isElsewhere: IsElsewhere, use: string): Promise<number | undefined> {
    return this.pick(() => {
      for (let candidate = this.last; candidate >= this.first; candidate--)
        if (this.claim(candidate, use)) return candidate
      return undefined
    }, isElsewhere)
  }

  /** Takes exactly this number; false when it is taken. */
  claim(number: number, use: string): boolean {
    if (this.uses.has(number)) return false
    if (this.freed.delete(number)) this.changed(number)
    this.uses.set(number, use)
    assert(!this.freed.has(number), 'a number is in use and free at once', number)
    return true
  }

  /** Frees a number that peers may have routes with. */
  release(number: number): void {
    const use = this.uses.get(number)
    if (use === undefined) return
    this.forget()
    this.uses.delete(number)
    this.freed.set(number, { use, at: this.time.now() })
    this.changed(number)
  }

  /** Frees a number that was never advertised. */
  giveBack(number: number): void {
    assert(this.uses.delete(number), 'a number is released that is not in use', number)
  }

  /** Blocks a number of an earlier process for a while, when this process does not use it. */
  recall(number: number, use: string): void {
    this.claim(number, use)
    this.release(number)
  }

  useOf(number: number): string | undefined {
    return this.uses.get(number)
  }

  /** The former use of a recently freed number, and how long ago it was freed. */
  formerUseOf(number: number): { readonly use: string; readonly agoMs: number } | undefined {
    this.forget()
    const freed = this.freed.get(number)
    return freed && { use: freed.use, agoMs: this.time.now() - freed.at }
  }

  /** Numbers in use and their uses. */
  entries(): IterableIterator<[number, string]> {
    return this.uses.entries()
  }

  /** The part that a later process has to know beside the numbers in use. */
  snapshot(): KeptNumbers {
    this.forget()
    return { next: this.next, freed: [...this.freed.keys()].map((number) => this.freedNumber(number)!) }
  }

  /** The number, if it was freed recently; else undefined. */
  freedNumber(number: number): FreedNumber | undefined {
    const freed = this.freed.get(number)
    if (freed === undefined) return undefined
    const at = freed.at + this.time.epoch() - this.time.now()
    return { number, use: freed.use, at: Math.max(0, Math.round(at)) }
  }

  /** Continues from the state of an earlier process; call it before any number is claimed. */
  restore({ next, freed }: KeptNumbers): void {
    if (this.isInRange(next)) this.next = next
    const [now, epoch] = [this.time.now(), this.time.epoch()]
    // if the clock was set back, none of them waits longer than one freed just now
    for (const { number, use, at } of freed) {
      this.freed.set(number, { use, at: now - Math.max(0, epoch - at) })
      this.changed(number)
    }
    this.changed('next')
  }

  /** Takes numbers until one is free elsewhere too, and gives the others back. */
  private async pick(take: () => number | undefined, isElsewhere: IsElsewhere): Promise<number | undefined> {
    const taken: number[] = []
    let chosen: number | undefined
    try {
      for (let candidate = take(); candidate !== undefined && chosen === undefined; ) {
        taken.push(candidate)
        if (await isElsewhere(candidate)) candidate = take()
        else chosen = candidate
      }
    } finally {
      for (const number of taken) if (number !== chosen) this.giveBack(number)
    }
    return chosen
  }

  private isIdle(number: number): boolean {
    return !this.uses.has(number) && !this.freed.has(number)
  }

  private isInRange(number: number): boolean {
    return number >= this.first && number <= this.last
  }

  /** Forgets numbers that were freed long ago. */
  private forget(): void {
    const since = this.time.now() - HOLD_MS
    for (const [number, { at }] of this.freed) {
      if (at > since) return
      this.freed.delete(number)
      this.changed(number)
    }
  }
}
