import type { Answer } from '../answer.ts'
import { allRefused, driverLost, type Refusal, type Refused } from '../refusal.ts'

/** An answer that was lost counts as a refusal. */
export function orLost<T>(answer: Answer<T>): Answer<T | Refusal> {
  return answer instanceof Promise ? answer.catch(driverLost) : answer
}

/** As `orLost`, for a batch of that many entries. */
export function orAllLost(answer: Answer<Refused>, count: number): Answer<Refused> {
  return answer instanceof Promise ? answer.catch((error) => allRefused(count, driverLost(error))) : answer
}
