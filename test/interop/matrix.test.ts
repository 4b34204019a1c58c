import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab } from '../../src/lab/lab.ts'
import { CELL_NAMES, type Outcome } from './matrix/cell.ts'
import { PEERS } from './matrix/peers/index.ts'
import { runMatrix } from './matrix/run.ts'

const names = Object.keys(PEERS)
const outcomes = new Map<string, Outcome>()
let lab: Lab

beforeAll(async () => {
  lab = new Lab()
  await runMatrix(lab, names, (peer, cell, outcome) => outcomes.set(`${peer}, ${cell}`, outcome))
})

afterAll(() => {
  lab.close()
})

describe.each(names)('%s', (peer) => {
  test.each(CELL_NAMES)('%s', (cell) => {
    const outcome = outcomes.get(`${peer}, ${cell}`)
    expect(outcome?.verdict, outcome?.note).toBeOneOf(['pass', 'not supported by peer'])
  })
})
