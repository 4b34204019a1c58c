import type { Status } from '../dataplane/model.ts'

export type { DataplaneView } from '../dataplane/view.ts'

/** The state of an entry, in the words of the API; times are in epoch milliseconds. */
export function showStatus({ state, reason, code, errno, since, nextTry, attempts }: Status) {
  return { state, reason, code, errno, since, next_try: nextTry, attempts }
}
