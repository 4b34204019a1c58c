import { text } from 'node:stream/consumers'
import { setImmediate as round } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { JsonText, jsonStream, LazyObject } from '../../src/rest/json-stream.ts'
import { turn } from '../../src/rest/turns.ts'
import { until } from '../support/until.ts'

const READER = { destroyed: false }

afterEach(() => {
  vi.restoreAllMocks()
})

/** A value with iterables in place of its outer arrays, or slices of them, and lazy objects in place of its objects, or promises. */
function lazy(value: fc.JsonValue | undefined): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => [item])
    return items.length % 2 === 0 ? new Set(items).values() : slices(items)
  }
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
  if (members.length === 1)
    return Object.fromEntries(members.map(([name, member]) => [name, Promise.resolve(lazy(member))]))
  return new LazyObject(function* () {
    for (const [name, member] of members) {
      yield undefined
      yield [name, lazy(member)]
    }
  })
}

async function* slices(items: readonly unknown[]): AsyncGenerator<Iterable<unknown>> {
  yield []
  for (const item of items) yield [undefined, item].values()
}

function eager(value: fc.JsonValue | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => [item])
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, eager(member)]))
}

test('writes what is made on the way as JSON.stringify writes what is there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      expect(JSON.parse(await text(jsonStream(lazy(value), READER)))).toEqual(
        JSON.parse(JSON.stringify(eager(value))),
      )
    }),
    { numRuns: 300 },
  )
})

test('undefined fields are left out', async () => {
  expect(await text(jsonStream([undefined, 1, undefined, 2].values(), READER))).toBe('[1,2]')
  expect(await text(jsonStream([undefined].values(), READER))).toBe('[]')
})

test('JSON text is written as it is', async () => {
  const made = new JsonText('{"a":1}')
  expect(await text(jsonStream([made, made].values(), READER))).toBe('[{"a":1},{"a":1}]')
  expect(await text(jsonStream({ of: made }, READER))).toBe('{"of":{"a":1}}')
})

test('slices that are not read to their end are released', async () => {
  let isGivenBack = false
  async function* endless(): AsyncGenerator<Iterable<unknown>> {
    try {
      for (;;) yield ['x'.repeat(1 << 16)]
    } finally {
      isGivenBack = true
    }
  }
  const stream = jsonStream({ of: endless() }, READER)
  for await (const _ of stream) break
  await until('the slices are released', () => isGivenBack)
})

test.each(['the connection', 'the answer'])(
  'nothing is looked at any more when %s has ended',
  async (ended) => {
    const reader = { destroyed: false }
    let looks = 0
    const stream = jsonStream(
      (function* () {
        for (; ; looks++) yield undefined
      })(),
      reader,
    )
    stream.resume()
    await until('it has looked', () => looks > 0)
    if (ended === 'the answer') stream.destroy()
    else reader.destroyed = true
    await round()
    await round()
    const before = looks
    for (let i = 0; i < 10; i++) await round()
    expect(looks).toBe(before)
  },
)

/** Items that take a millisecond each, and are not shown. */
function* work(count: number): Iterable<undefined> {
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    while (performance.now() - begun < 1);
    yield undefined
  }
}

test('gives others their turn while it works, though nothing comes of it', async () => {
  let rounds = 0
  let isDone = false
  const counting = (async () => {
    for (; !isDone; rounds++) await round()
  })()
  await text(jsonStream(work(80), READER))
  isDone = true
  await counting
  expect(rounds).toBeGreaterThanOrEqual(9)
})

test('however many answers are read, one chunk of one is made in a round of the event loop', async () => {
  vi.spyOn(performance, 'now').mockReturnValue(0) // the machine may be as fast as it likes
  let made = 0
  function* items(): Iterable<string> {
    for (let i = 0; i < 500; i++, made++) yield 'x'.repeat(1 << 12)
  }
  const streams = Array.from({ length: 20 }, () => jsonStream(items(), READER).resume())
  await until('all have begun', () => made > 20 * 8)
  for (let rounds = 0; rounds < 100; rounds++) {
    const before = made
    await round()
    expect(made - before).toBeLessThanOrEqual(9)
  }
  for (const stream of streams) stream.destroy()
})

test('one of those who wait has its turn in each round of the event loop', async () => {
  let served = 0
  const all = Array.from({ length: 20 }, () => turn().then(() => served++))
  let before = 0
  while (served < 20) {
    await round()
    expect(served - before).toBeLessThanOrEqual(1)
    before = served
  }
  await Promise.all(all)
})

test('those whose reader is gone take no round', async () => {
  let served = 0
  for (let i = 0; i < 1000; i++) void turn(() => true).then(() => served++)
  const live = turn().then(() => 'live')
  await round()
  expect(served).toBe(1000)
  expect(await Promise.race([live, round('late')])).toBe('live')
})
