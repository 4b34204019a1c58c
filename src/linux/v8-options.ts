import { setFlagsFromString } from 'node:v8'

export const V8_OPTIONS = [
  // V8 would learn from routes that come that decoded routes live long, and then keep those of withdrawals, which do not, until it collects the whole heap
  '--no-allocation-site-pretenuring',
  // in the first burst of a fresh daemon, the optimizing compiler would take much of the CPU from the work itself
  '--invocation-count-for-turbofan=10000',
]

/** Sets options of V8 that make bursts of routes cheaper. They are no documented interface: a V8 that lacks one says so on stderr, and goes on. */
export function setV8Options(): void {
  for (const option of V8_OPTIONS) setFlagsFromString(option)
}
