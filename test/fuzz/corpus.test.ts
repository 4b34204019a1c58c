import { describe, expect, test } from 'vitest'
import { readCorpus, readCrashers } from './corpus.ts'
import { targets } from './targets.ts'

describe.each(targets)('$name', (target) => {
  test('takes its seeds and its corpus', () => {
    for (const input of [...target.seeds, ...readCorpus(target.name)])
      expect(() => target.run(input), input.toString('hex')).not.toThrow()
  })
})

describe('former finds are fixed', () => {
  test.each(readCrashers())('$target: $name', ({ target, input }) => {
    targets.find(({ name }) => name === target)!.run(input)
  })
})
