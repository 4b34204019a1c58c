/** A part that works from its making on, until it is closed. Parts that begin later have `start` and `stop`. */
export interface Closable {
  close(): void
}
