import { beforeAll, describe, expect, test } from 'vitest'
import { disagreements } from '../support/exabgp.ts'
import { disagreement, dissect } from '../support/tshark.ts'
import { expectedFacts } from '../support/tshark-facts.ts'
import { loadVectors, messageOf, rewrite, UPDATING } from '../support/vectors.ts'

const vectors = loadVectors()
const named = vectors.map((vector, i) => [`${vector.kind}/${vector.name}`, vector, i] as const)

/** What each reader has against each vector; undefined where it reads the same as we do. */
type Verdicts = readonly (string | undefined)[]

const readers: Readonly<Record<string, () => Promise<Verdicts>>> = {
  'tshark 4.0': askTshark,
  'exabgp 4.2': async () => disagreements(vectors),
}

async function askTshark(): Promise<Verdicts> {
  const verdicts: (string | undefined)[] = []
  for (const fourOctetAs of [true, false]) {
    const some = named.filter(([, { context }]) => context.fourOctetAs === fourOctetAs)
    const seen = await dissect(
      some.map(([, vector]) => messageOf(vector)),
      fourOctetAs,
    )
    some.forEach(([, vector, i], at) => {
      verdicts[i] = disagreement(expectedFacts(vector), seen[at]!)
    })
  }
  return verdicts
}

describe.each(Object.entries(readers))('%s', (reader, ask) => {
  let verdicts: Verdicts

  beforeAll(async () => {
    verdicts = await ask()
    if (!UPDATING) return
    for (const [, vector, i] of named) {
      const others = vector.agreed.filter((name) => name !== reader)
      vector.agreed = verdicts[i] === undefined ? [...others, reader].sort() : others
      rewrite(vector, { agreed: vector.agreed })
    }
  })

  const agreeing = UPDATING ? named : named.filter(([, { agreed }]) => agreed.includes(reader))
  test.each(agreeing)('reads %s as we do', (_, __, i) => {
    if (!UPDATING) expect(verdicts[i]).toBeUndefined()
  })
})
