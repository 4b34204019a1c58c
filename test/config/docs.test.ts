import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configPage } from '../../scripts/config-docs.ts'

test('docs/configuration.md matches the schema (`make docs` rewrites it)', () => {
  expect(readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')).toBe(configPage())
})
