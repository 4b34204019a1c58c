import { type About, type Options, optionsOfSection } from './option.ts'
import { peerOfSection, suggestPeerSection } from './peer-sections.ts'
import { configSchema, OTHER_SECTIONS, optionsOf, PEER_SECTION, peerSchema } from './schema.ts'
import { suggest } from './suggest.ts'
import type { Interfaces } from './types.ts'

/** The sections and options that there are. */
export interface Known {
  readonly schema: ReturnType<typeof configSchema>
  readonly ofPeer: ReturnType<typeof peerSchema>
  readonly sections: ReadonlyMap<string, Options>
  /** Of a section about one peer. */
  readonly peerOptions: Options
}

export function knownOptions(interfaces: Interfaces): Known {
  const schema = configSchema(interfaces)
  const ofPeer = peerSchema(schema)
  return { schema, ofPeer, sections: optionsOf(schema), peerOptions: optionsOfSection(ofPeer.shape) }
}

/** The options of a section by its name in `sections`, or of a peer. */
export function optionsIn({ sections, peerOptions }: Known, section: string): Options {
  return sections.get(section) ?? peerOptions
}

export type FoundSection =
  /** `isMisspelled`: as it is probably meant. */
  | { readonly section: string; readonly isMisspelled: boolean }
  /** Of a library of bagpipe-bgp. */
  | 'other'
  | 'unknown'

/** The section of a name; case does not count, and the addresses of peers are normalised. */
export function findSection({ sections }: Known, name: string): FoundSection {
  if (sameName(name, OTHER_SECTIONS) !== undefined) return 'other'
  const peer = peerOfSection(name)
  const section = peer === undefined ? sameName(name, sections.keys()) : `${PEER_SECTION}${peer}`
  if (section !== undefined) return { section, isMisspelled: false }
  const guess = suggestPeerSection(name) ?? suggest(name, sections.keys())
  return guess === undefined ? 'unknown' : { section: guess, isMisspelled: true }
}

/** An option by its name or an older one; undefined for an unknown one. */
export function findOption(options: Options, name: string): { option: string; about: About } | undefined {
  for (const [option, about] of options)
    if (option === name || about.aliases?.includes(name)) return { option, about }
  return undefined
}

function sameName(name: string, candidates: Iterable<string>): string | undefined {
  return [...candidates].find((candidate) => candidate.toLowerCase() === name.toLowerCase())
}
