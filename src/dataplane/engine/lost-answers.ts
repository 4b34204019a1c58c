import type { Clock } from '../../clock.ts'
import type { Eventual } from '../eventual.ts'
import { allRefused, driverLost, type Refusal, type Refused } from '../refusal.ts'

/** An answer that was lost counts as a refusal. */
export function orLost<T>(answer: Eventual<T>): Eventual<T | Refusal> {
  return answer instanceof Promise ? answer.catch(driverLost) : answer
}

/** Stands for an answer that was lost, where nothing but that is to be known of it. */
export const UNKNOWN = Symbol('unknown')

/** As `orLost`, for a query whose answer is asked for again anyway. */
export function orUnknown<T>(answer: Eventual<T>): Eventual<T | typeof UNKNOWN> {
  return answer instanceof Promise ? answer.catch((): typeof UNKNOWN => UNKNOWN) : answer
}

/** As `orLost`, for a batch of that many entries. */
export function orAllLost(answer: Eventual<Refused>, count: number): Eventual<Refused> {
  return answer instanceof Promise ? answer.catch((error) => allRefused(count, driverLost(error))) : answer
}

/** An exception of what follows a late answer reaches the clock, as any other does. */
export function thrownByClock(clock: Clock, answer: Promise<void>): Promise<void> {
  return answer.catch((error) => {
    let isThrown = false
    clock.soon(() => {
      // the clock tries again
      if (isThrown) return
      isThrown = true
      throw error
    })
  })
}
