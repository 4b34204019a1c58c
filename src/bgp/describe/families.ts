import { type Family, familyName } from '../family.ts'
import { nlriCodecs } from '../nlri/index.ts'

/** The families that are decoded, by their names. */
export const FAMILIES: ReadonlyMap<string, Family> = new Map(
  nlriCodecs.map(({ family }) => [familyName(family), family]),
)
