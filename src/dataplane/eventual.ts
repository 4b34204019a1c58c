/** The answer to a request: at once, or later. A promise that is rejected is an answer that was lost: the request may have been carried out or not. */
export type Eventual<T> = T | Promise<T>

/** Goes on with an answer: within this call where it is there already. */
export function whenAnswered<T, R>(answer: Eventual<T>, next: (result: T) => Eventual<R>): Eventual<R> {
  return answer instanceof Promise ? answer.then(next) : next(answer)
}

/** Resolves when all of some requests are answered. */
export function allAnswered(answers: readonly Eventual<void>[]): Eventual<void> {
  const late = answers.filter((answer) => answer instanceof Promise)
  return late.length > 0 ? Promise.all(late).then(() => {}) : undefined
}
