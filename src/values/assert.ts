/** A state that the program takes to be impossible: a fault of ours, whatever came from outside. */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant'
}

/**
 * Throws where an invariant does not hold, which costs the part that it is thrown in: the session, the request, the turn of the forwarding
 * loop. It stays on: `what` is a fixed text and `fact` a value that is at hand, so that one that holds costs a comparison.
 */
export function assert(holds: boolean, what: string, fact?: number | string | null): asserts holds {
  if (!holds) fail(what, fact)
}

function fail(what: string, fact: number | string | null | undefined): never {
  throw new BrokenInvariant(fact === undefined ? what : `${what}: ${fact}`)
}
