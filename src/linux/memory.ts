import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mallocTrim } from './libc.ts'

/** What a thread holds of the machine, and what it does. */
export interface Memory {
  /** Processor time of the whole process so far, in milliseconds. */
  busyMs(): number
  /** Collects all garbage of the thread, and gives back what is free then. */
  collect(): void
}

/** The memory of this thread. V8 has no other way to be asked for a collection. */
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

/** How often it is looked whether the process is busy. */
const LOOK_MS = 5000
/** A process that works longer between two looks is busy. */
const QUIET_MS = 500
/** Work of a busy process that makes a collection worth its pause. */
const BURST_MS = 1000
/** Of the time, the part that collections may take at most is one of so many. */
const PAUSE_SHARE = 100

/**
 * Gives the memory of a burst back: V8 collects as a program allocates, so that one which has nothing more to do keeps all that its busiest
 * moment needed. A collection stops the thread, for some milliseconds per megabyte that stays. So there is one only behind a burst, when it is
 * quiet, and they take a hundredth of the time at most. Returns what ends it.
 */
export function giveBackMemory(clock: Timing, memory: Memory = threadMemory()): () => void {
  let busy = memory.busyMs()
  let burst = 0
  let earliest = clock.now()
  let cancel = clock.after(LOOK_MS, look)
  function look(): void {
    const work = memory.busyMs() - busy
    const isQuiet = work < QUIET_MS
    if (!isQuiet) burst += work
    busy += work
    if (isQuiet && burst >= BURST_MS && clock.now() >= earliest) {
      memory.collect()
      burst = 0
      const pauseMs = memory.busyMs() - busy
      earliest = clock.now() + PAUSE_SHARE * pauseMs
      busy += pauseMs
    }
    cancel = clock.after(LOOK_MS, look)
  }
  return () => cancel()
}
