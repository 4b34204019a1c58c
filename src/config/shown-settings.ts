import type { ReadValues } from './draft.ts'
import type { Position } from './finding.ts'
import type { Known } from './known.ts'
import type { Given } from './locate.ts'
import type { About, Options } from './option.ts'

/** An option in effect. */
export interface ShownSetting {
  readonly section: string
  readonly option: string
  /** As the looking glass shows it; null for none. */
  readonly value: unknown
  /** Where it is written; null for a default. */
  readonly position: Position | null
  /** The option whose value it has, as it is not given itself. */
  readonly follows: string | null
}

/** Every option that has an effect, by section; of peers, those with a section of their own. */
export function shownSettings(known: Known, given: Given, values: ReadValues): ShownSetting[] {
  const drafts = values.draft as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  const show = (section: string, option: string): ShownSetting | undefined => {
    const about = known.sections.get(section)?.get(option)
    if (about === undefined || !(option in drafts[section]!)) return undefined
    return shown(section, option, about, drafts[section]![option])
  }
  const shown = (section: string, option: string, about: About, value: unknown): ShownSetting => {
    const position = given.get(section)?.get(option) ?? null
    const target = position === null && value === null ? about.follows : undefined
    const followed = target && show(...target)
    if (target === undefined || followed === undefined)
      return { section, option, value: about.show(value) ?? null, position, follows: null }
    const follows = `[${target[0]}] ${target[1]}`
    return { section, option, value: followed.value, position: followed.position, follows }
  }
  const own = [...known.sections].flatMap(([section, options]) =>
    used(options).flatMap(([option]) => show(section, option) ?? []),
  )
  const ofPeers = [...values.ofPeers].flatMap(([section, settings]) =>
    used(known.peerOptions).flatMap(([option, about]) => {
      if (option in settings) return shown(section, option, about, settings[option as keyof typeof settings])
      const common = show('BGP', option)
      if (common === undefined) return shown(section, option, about, about.fallback ?? null)
      return { ...common, section, follows: common.follows ?? `[BGP] ${option}` }
    }),
  )
  return [...own, ...ofPeers]
}

/** Settings as the API and `chanter config show --json` list them. */
export function listedSettings(settings: readonly ShownSetting[]) {
  return settings.map(({ section, option, value, position, follows }) => ({
    section,
    option,
    value: value ?? null,
    source: position?.file ?? 'default',
    line: position?.line ?? null,
    follows,
  }))
}

function used(options: Options): [string, About][] {
  return [...options].filter(([, about]) => !about.unused)
}
