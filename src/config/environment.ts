import type { Assignment } from './ini.ts'

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

/** The variable of an option. */
export function variableOf(section: string, option: string): string {
  return `${PREFIX}${section}__${option.toUpperCase()}`
}
