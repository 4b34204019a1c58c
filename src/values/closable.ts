/** A part that works from its construction until it is closed. Parts that begin later have `start` and `stop`. */
export interface Closable {
  close(): void
}
