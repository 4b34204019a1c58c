import { randomBytes } from 'node:crypto'

/** A number that identifies one run of the daemon for agents: 128 bits, in decimal. */
export function newPing(): string {
  return BigInt(`0x${randomBytes(16).toString('hex')}`).toString()
}
