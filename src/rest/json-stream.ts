/** Items passed before other work gets its turn. */
const SLICE = 500

/**
 * The JSON text of a value in which objects may hold iterables where arrays belong: those are written item by item, so
 * that a large table never blocks the daemon nor stands in memory as text. An item that is undefined is left out.
 */
export async function* jsonStream(value: unknown): AsyncGenerator<string> {
  if (isLazy(value)) {
    yield* list(value)
  } else if (isPlainObject(value) && Object.values(value).some(isLazy)) {
    let separator = '{'
    for (const [key, member] of Object.entries(value)) {
      yield `${separator}${JSON.stringify(key)}:`
      yield* jsonStream(member)
      separator = ','
    }
    yield '}'
  } else yield JSON.stringify(value) ?? 'null'
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

function isLazy(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Symbol.iterator in value
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
