import { expect, test } from 'vitest'
import { SCENARIOS } from './scenarios/index.ts'
import { namespaces } from './scenarios/namespaces.ts'
import { play } from './scenarios/runner.ts'

test.each(SCENARIOS.map((scenario) => [`${scenario.name}, ${scenario.peer}`, scenario] as const))(
  '%s',
  async (_, scenario) => {
    const { failure, flows } = await play(namespaces, scenario)
    expect(failure).toBeUndefined()
    if (flows.sent > 0) console.log(`${scenario.name}: ${flows.lost} of ${flows.sent} packets lost`)
  },
)
