import { readConfigureGlobal } from 'fast-check'
import { expect, test } from 'vitest'

test('properties draw the same inputs at every run', () => {
  expect(readConfigureGlobal()?.seed).toBe(1)
})
