import { randomBytes } from 'node:crypto'

/** A number that tells agents one life of the daemon from another: 128 bits, in decimal. */
export function newPing(): string {
  return BigInt(`0x${randomBytes(16).toString('hex')}`).toString()
}
