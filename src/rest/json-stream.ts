/** Items passed before other work gets its turn. */
const SLICE = 500

/**
 * The JSON text of a value in which objects may hold promises, iterables where arrays belong, and async iterables of slices of them.
 * Those are written piece by piece, so that a large table never blocks the daemon nor stands in memory as text. An item that is
 * undefined is left out.
 */
export async function* jsonStream(value: unknown): AsyncGenerator<string> {
  if (value instanceof Promise) yield* jsonStream(await value)
  else if (isSliced(value)) yield* slices(value)
  else if (isIterable(value)) yield* list(value)
  else if (isPlainObject(value) && isLazy(value)) {
    let separator = '{'
    for (const [key, member] of Object.entries(value)) {
      yield `${separator}${JSON.stringify(key)}:`
      yield* jsonStream(member)
      separator = ','
    }
    yield '}'
  } else yield JSON.stringify(value) ?? 'null'
}

async function* slices(all: AsyncIterable<readonly unknown[]>): AsyncGenerator<string> {
  let separator = '['
  for await (const slice of all) {
    if (slice.length === 0) continue
    yield separator + slice.map((item) => JSON.stringify(item)).join()
    separator = ','
  }
  yield separator === '[' ? '[]' : ']'
}

async function* list(items: Iterable<unknown>): AsyncGenerator<string> {
  let text = '['
  let separator = ''
  let passed = 0
  for (const item of items) {
    if (item !== undefined) {
      text += separator + JSON.stringify(item)
      separator = ','
    }
    if (++passed % SLICE === 0) {
      yield text
      text = ''
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  yield `${text}]`
}

/** Whether some of it has to be awaited or walked. */
function isLazy(value: unknown): boolean {
  if (value instanceof Promise || isSliced(value) || isIterable(value)) return true
  return isPlainObject(value) && Object.values(value).some(isLazy)
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Symbol.iterator in value
}

function isSliced(value: unknown): value is AsyncIterable<readonly unknown[]> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
