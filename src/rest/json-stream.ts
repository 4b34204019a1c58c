import { Readable } from 'node:stream'
import { safeJson } from '../values/controls.ts'
import { TimeSlice, turn } from './turns.ts'

/** Characters passed on at once. */
const CHUNK = 1 << 15

/** An object of many members, generated while it is written; an undefined member is left out. */
export class LazyObject {
  readonly members: () => Iterable<readonly [name: string, value: unknown] | undefined>

  constructor(members: () => Iterable<readonly [name: string, value: unknown] | undefined>) {
    this.members = members
  }
}

/**
 * A value as its JSON text. The items of a large table are written as text: an object of each would cost several times as much, and more where its
 * names are data, since V8 then keeps a hidden class for each object.
 */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Text, or a promise whose value comes back from the `yield`. */
type Pieces = Generator<string | Promise<unknown>, void, unknown>

/**
 * The JSON text of a value in which objects may hold promises, lazy objects, iterables in place of arrays, and async iterables of slices
 * of them. Those are written piece by piece, so that a large table never blocks the daemon nor is in memory as text. An undefined item
 * is left out, and counts as work. It stops when the reader is gone, since much work may precede the first text.
 */
export function jsonStream(value: unknown, reader: { readonly destroyed: boolean }): Readable {
  const stream: Readable = Readable.from(
    textOf(value, () => reader.destroyed || stream.destroyed),
    { objectMode: false, highWaterMark: CHUNK },
  )
  return stream
}

/** Each turn ends with a chunk, a promise or the time slice, whichever comes first; so does what follows a pause of the reader. */
async function* textOf(value: unknown, isGone: () => boolean): AsyncGenerator<string> {
  const walk = pieces(value)
  let text = ''
  let awaited: unknown
  try {
    for (;;) {
      await turn(isGone)
      if (isGone()) return
      const slice = new TimeSlice()
      let step = walk.next(awaited)
      for (; typeof step.value === 'string'; step = walk.next()) {
        text += step.value
        if (text.length >= CHUNK || slice.isOver()) break
      }
      if (step.done || text.length >= CHUNK) {
        yield safeJson(text)
        text = ''
      }
      if (step.done) return
      awaited = await step.value
    }
  } finally {
    walk.return()
  }
}

function* pieces(value: unknown): Pieces {
  if (value instanceof JsonText) yield value.text
  else if (!isLazy(value)) yield JSON.stringify(value) ?? 'null'
  else if (value instanceof Promise) yield* pieces(yield value)
  else if (value instanceof LazyObject) yield* objectOf(value.members())
  else if (isSliced(value)) yield* slicesOf(value)
  else if (isIterable(value)) yield* listOf(value)
  else yield* objectOf(Object.entries(value as object))
}

function* slicesOf(slices: AsyncIterable<Iterable<unknown>>): Pieces {
  const walk = slices[Symbol.asyncIterator]()
  try {
    let isFirst = true
    for (;;) {
      const { done, value } = (yield walk.next()) as IteratorResult<Iterable<unknown>, void>
      if (done) break
      isFirst = yield* itemsOf(value, isFirst)
    }
    yield isFirst ? '[]' : ']'
  } finally {
    void walk.return?.()
  }
}

function* listOf(items: Iterable<unknown>): Pieces {
  yield (yield* itemsOf(items, true)) ? '[]' : ']'
}

/** Items of a list, and whether its first one is still to come. */
function* itemsOf(items: Iterable<unknown>, isFirst: boolean): Generator<string | Promise<unknown>, boolean> {
  let separator = isFirst ? '[' : ','
  for (const item of items) {
    if (item === undefined) {
      yield ''
      continue
    }
    if (item instanceof JsonText) yield separator + item.text
    else if (isLazy(item)) {
      yield separator
      yield* pieces(item)
    } else yield separator + (JSON.stringify(item) ?? 'null')
    separator = ','
  }
  return separator === '['
}

function* objectOf(members: Iterable<readonly [string, unknown] | undefined>): Pieces {
  let separator = '{'
  for (const member of members) {
    if (member === undefined) {
      yield ''
      continue
    }
    yield `${separator}${JSON.stringify(member[0])}:`
    yield* pieces(member[1])
    separator = ','
  }
  yield separator === '{' ? '{}' : '}'
}

/** Whether a part of it has to be awaited or iterated. */
function isLazy(value: unknown): boolean {
  if (value instanceof Promise || value instanceof LazyObject || value instanceof JsonText) return true
  if (isSliced(value) || isIterable(value)) return true
  if (!isPlainObject(value)) return false
  for (const name in value) if (isLazy(value[name])) return true
  return false
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Symbol.iterator in value
}

function isSliced(value: unknown): value is AsyncIterable<Iterable<unknown>> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
