import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mallocTrim } from './libc.ts'

/** The memory use of a thread, and its activity. */
export interface Memory {
  /** Processor time of the whole process so far, in milliseconds. */
  busyMs(): number
  /** Collects all garbage of the thread, and returns the free memory to the machine. */
  collect(): void
}

/** The memory of this thread. V8 offers no other interface for a collection. */
export function threadMemory(): Memory {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (how: object) => void
  return {
    busyMs() {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
    collect() {
      collect({ type: 'major', flavor: 'last-resort' })
      mallocTrim()
    },
  }
}

interface Timing {
  now(): number
  after(ms: number, task: () => void): () => void
}

/** How often the activity of the process is measured. */
const LOOK_MS = 5000
/** A process that works longer between two measurements is busy. */
const QUIET_MS = 500
/** Work of a busy process that makes a collection worth its pause. */
const BURST_MS = 1000
/** Collections take at most this fraction of the time, as its denominator. */
const PAUSE_SHARE = 100

/**
 * Returns the memory of a burst: V8 collects only while a program allocates, so that an idle process keeps all the memory of its busiest
 * moment. A collection stops the thread, for some milliseconds per megabyte that stays. So it runs only after a burst, when the process is
 * quiet, and takes a hundredth of the time at most. Returns a function that ends this.
 */
export function giveBackMemory(clock: Timing, memory: Memory = threadMemory()): () => void {
  let busy = memory.busyMs()
  let burst = BURST_MS // the start is one
  let earliest = clock.now()
  let cancel = clock.after(LOOK_MS, look)
  function look(): void {
    const work = memory.busyMs() - busy
    const isQuiet = work < QUIET_MS
    if (!isQuiet) burst += work
    busy += work
    const from = clock.now()
    if (isQuiet && burst >= BURST_MS && from >= earliest) {
      memory.collect()
      burst = 0
      // not by processor time, in which another thread may have its own collection
      earliest = clock.now() + PAUSE_SHARE * (clock.now() - from)
      busy = memory.busyMs()
    }
    cancel = clock.after(LOOK_MS, look)
  }
  return () => cancel()
}
