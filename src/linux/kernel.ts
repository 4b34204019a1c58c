import { readFileSync, statSync } from 'node:fs'

/** Names this boot of this machine and the network namespace we are in: what is in the kernel lives as long as both. */
export function kernelIdentity(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot}/${statSync('/proc/self/ns/net').ino}`
}
