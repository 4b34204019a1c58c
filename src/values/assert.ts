/** A state that should be impossible: an internal error, whatever the input. */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant'
}

/**
 * Throws where an invariant does not hold, which ends the part in which it is thrown: the session, the request, the turn of the forwarding
 * loop. It is never disabled: `what` is a constant text and `fact` an existing value, so that a valid invariant costs one comparison.
 */
export function assert(holds: boolean, what: string, fact?: number | string | null): asserts holds {
  if (!holds) fail(what, fact)
}

function fail(what: string, fact: number | string | null | undefined): never {
  throw new BrokenInvariant(fact === undefined ? what : `${what}: ${fact}`)
}
