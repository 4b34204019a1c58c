import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AREAS } from './areas.ts'
import { describeMutant, mutantsOf, mutated } from './mutants.ts'

const SOURCE = `import { a } from './a.ts'
const limit: 4 = 4 as const
function f(x: number): boolean {
  if (x < limit && !a) return true
  count += 1
  throw new Error(\`too much: \${x + 1}\`)
}
`

test('a mutant is one change of what runs: no type, import or word for people', () => {
  const texts = mutantsOf('f.ts', SOURCE).map((mutant) => describeMutant(mutant, SOURCE))
  expect(texts).toEqual([
    'f.ts:2  4  ->  5',
    'f.ts:2  4  ->  3',
    'f.ts:4  x < limit && !a  ->  !(x < limit && !a)',
    'f.ts:4  <  ->  <=',
    'f.ts:4  <  ->  >=',
    'f.ts:4  &&  ->  ||',
    'f.ts:4  !a  ->  a',
    'f.ts:4  true  ->  false',
    'f.ts:5  count += 1  ->  ;',
    'f.ts:5  +=  ->  -=',
    'f.ts:5  1  ->  2',
    'f.ts:5  1  ->  0',
    expect.stringMatching(/^f.ts:6 {2}throw new Error\(.*\) {2}-> {2};$/),
  ])
})

test('it replaces its own text alone', () => {
  const [first] = mutantsOf('f.ts', SOURCE)
  expect(mutated(SOURCE, first!)).toBe(SOURCE.replace('= 4 as', '= 5 as'))
})

test('every area has files and tests', () => {
  for (const { files, tests } of AREAS) {
    expect(globSync([...files]).length).toBeGreaterThan(0)
    for (const file of tests.flat()) expect(globSync(file)).toEqual([file])
  }
})

test('the sources of the areas hold mutants, each in its line', () => {
  for (const file of AREAS.flatMap(({ files }) => globSync([...files]))) {
    const source = readFileSync(file, 'utf8')
    const lines = source.split('\n')
    for (const { line, start, end } of mutantsOf(file, source))
      expect(lines[line - 1]).toContain(source.slice(start, end).split('\n')[0])
  }
})
