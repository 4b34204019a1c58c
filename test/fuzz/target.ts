import type { Random } from './random.ts'

/** A part of the product that takes bytes from strangers. */
export interface Target {
  readonly name: string
  /** Inputs that mean something to it. */
  readonly seeds: readonly Buffer[]
  /** Inputs between two readings of the coverage: as many as take a few tenths of a second. */
  readonly batch: number
  mutate(input: Buffer, random: Random, other: Buffer): Buffer
  /** Throws when something happens with the input that never may. */
  run(input: Buffer): void
}

/** What must hold does not. */
export class Broken extends Error {}

/** Runs `work`, which may refuse its input by throwing one of `allowed`; undefined then. */
export function refusable<T>(
  allowed: readonly (abstract new (...args: never[]) => Error)[],
  work: () => T,
): T | undefined {
  try {
    return work()
  } catch (error) {
    if (allowed.some((kind) => error instanceof kind)) return undefined
    throw error
  }
}
