import type { Assignment } from './ini.ts'
import { configSchema, optionsOf } from './schema.ts'

const PREFIX = 'CHANTER_'
/** The variables that Kubernetes sets in every pod for a Service of the name `chanter`. */
const SERVICE_LINK = /^CHANTER_(SERVICE_(HOST|PORT)\w*=|PORT_\d\w*=|PORT=\w+:)/

/**
 * The options from environment variables: `CHANTER_SECTION__OPTION`, as oslo.config's `OS_GROUP__OPTION`; of [BGP] also
 * `CHANTER_OPTION`. Case does not count, since a variable is written in capitals.
 */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Assignment[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    if (!name.startsWith(PREFIX) || value === undefined) return []
    if (SERVICE_LINK.test(`${name}=${value}`)) return []
    const [first = '', ...rest] = name.slice(PREFIX.length).split('__')
    const [section, option] = rest.length === 0 ? ['BGP', first] : [first, rest.join('__')]
    return [
      { section, option: option.toLowerCase(), value, file: `environment variable ${name}`, line: null },
    ]
  })
}

/** The options from the environment variables of oslo.config, which is asked for those of options that there are. */
export function readOsloEnvironment(variables: Readonly<Record<string, string | undefined>>): Assignment[] {
  return [...optionsOf(configSchema({}))].flatMap(([section, options]) =>
    [...options.keys()].flatMap((option) => {
      const name = `OS_${section}__${option}`.toUpperCase()
      const value = variables[name]
      return value === undefined
        ? []
        : [{ section, option, value, file: `environment variable ${name}`, line: null }]
    }),
  )
}

/** The variable of an option. */
export function variableOf(section: string, option: string): string {
  return `${PREFIX}${section}__${option.toUpperCase()}`
}
