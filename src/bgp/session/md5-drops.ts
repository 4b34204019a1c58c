/** Segments that TCP has dropped for their MD5 signatures (RFC 2385), of all peers of this node together. */
export interface Md5Drops {
  /** They had none, and a key is configured here. */
  readonly missing: number
  /** They had one, and no key is configured here. */
  readonly unexpected: number
  /** They had a wrong one. */
  readonly wrong: number
}

/** Why a session may not come up: the segments that TCP dropped meanwhile, and the remedy. Null where nothing points to signatures. */
export function md5Trouble(before: Md5Drops, now: Md5Drops, hasKey: boolean): string | null {
  const missing = now.missing - before.missing
  const unexpected = now.unexpected - before.unexpected
  const wrong = now.wrong - before.wrong
  if (!hasKey) {
    return unexpected === 0
      ? null
      : `TCP has dropped ${unexpected} segments that were signed with MD5, where no key is configured: if they are of this peer, configure its key here`
  }
  if (wrong > 0)
    return `TCP has dropped ${wrong} segments with a wrong MD5 signature: compare the keys of both sides`
  if (missing > 0)
    return `TCP has dropped ${missing} segments without an MD5 signature: configure the key at the peer too`
  return 'with an MD5 key a peer that has another one, or none, does not answer: compare the keys of both sides'
}
