/** The answer to a request: at once, or later. A promise that is rejected is an answer that was lost: the request may have been carried out or not. */
export type Eventual<T> = T | Promise<T>

/** Goes on with an answer: within this call where it is there already. */
export function whenAnswered<T, R>(answer: Eventual<T>, next: (result: T) => Eventual<R>): Eventual<R> {
  return answer instanceof Promise ? answer.then(next) : next(answer)
}

/** Gathers answers, in their order: within this call where all are there already. */
export function gathered<T>(answers: readonly Eventual<T>[]): Eventual<readonly T[]> {
  return answers.some((answer) => answer instanceof Promise)
    ? Promise.all(answers)
    : (answers as readonly T[])
}

/** Resolves when all of some requests are answered. */
export function allAnswered(answers: readonly Eventual<void>[]): Eventual<void> {
  const late = answers.filter((answer) => answer instanceof Promise)
  return late.length > 0 ? Promise.all(late).then(() => {}) : undefined
}

/** Steps that pause for late answers. */
export type AskingSteps<R> = Generator<Promise<unknown>, R, unknown>

/** Within steps: the answer, for which they wait where it comes later. */
export function* answerTo<T>(answer: Eventual<T>): Generator<Promise<T>, T, unknown> {
  return answer instanceof Promise ? ((yield answer) as T) : answer
}

/** Takes steps that need one answer after the other: all within this call where the answers are there already. */
export function takeSteps<R>(steps: AskingSteps<R>): Eventual<R> {
  return takeRest(steps, steps.next())
}

function takeRest<R>(
  steps: AskingSteps<R>,
  { done, value }: IteratorResult<Promise<unknown>, R>,
): Eventual<R> {
  if (done) return value
  return value.then(
    (answer) => takeRest(steps, steps.next(answer)),
    (error) => takeRest(steps, steps.throw(error)),
  )
}
