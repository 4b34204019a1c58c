import { beforeAll, describe, expect, test } from 'vitest'
import { Field } from './bounds/field.ts'
import { BOUNDS } from './bounds/index.ts'

/** After so many cases the speaker starts again. */
const RESTART_EVERY = 10

const count = Object.values(BOUNDS).reduce((sum, { length }) => sum + length, 0)

test(`${count} bounds are played`, () => {
  expect(count).toBeGreaterThanOrEqual(400)
  const names = Object.values(BOUNDS).flatMap((bounds) => bounds.map(({ rfc, name }) => `${rfc}: ${name}`))
  expect(new Set(names).size, 'each once').toBe(count)
})

describe.each(Object.entries(BOUNDS))('%s', (_, bounds) => {
  let field: Field
  beforeAll(() => {
    field = new Field()
  })

  test.each(bounds.map((bound, i) => ({ ...bound, i })))(
    'RFC $rfc: $name → $verdict',
    async ({ i, ...bound }) => {
      expect(await field.play(bound)).toBe(bound.verdict)
      if ((i + 1) % RESTART_EVERY === 0) field.restart()
    },
  )
})
