import { readFileSync } from 'node:fs'

/** Tells at once, and not by a hundred failures, that this is not the guest; some tests treat all namespaces as theirs. */
export default function setup(): void {
  if (readFileSync('/proc/cpuinfo', 'utf8').includes('User Mode Linux')) return
  throw new Error('these tests run in a guest: scripts/guest.sh vitest run --project guest')
}
