import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { variableOf } from '../src/config/environment.ts'
import { type About, type Options, optionsOfSection } from '../src/config/option.ts'
import { LIVE } from '../src/config/reload.ts'
import { configSchema, OTHER_SECTIONS, optionsOf, PEER_SECTION, peerSchema } from '../src/config/schema.ts'
import { DEFAULT_FILE } from '../src/config/sources.ts'

const HEAD = ['option', 'default', 'allowed', '']

const INTRODUCTION = `# Configuration

<!-- Made from src/config/schema.ts by \`make docs\`: change it there. -->

chanter reads bagpipe-bgp's \`bgp.conf\` as it is: an INI file of sections and options, \`${DEFAULT_FILE}\` unless
\`--config-file\` names another. \`--config-file\` may be repeated; \`--config-dir\` reads the \`*.conf\` of a directory in the order of
their names. As bagpipe-bgp does, chanter reads the directory \`/etc/bagpipe-bgp/bagpipe-bgp.conf.d\`, else \`/etc/bagpipe-bgp.conf.d\`, where it is
there and no \`--config-dir\` is given: after the default file, and before a file that \`--config-file\` names. What is read later wins; environment variables win over all files, and the command line over both.

\`\`\`ini
[BGP]
local_address = eth0
peers = 192.0.2.1
my_as = 64512

[DATAPLANE_DRIVER_EVPN]
dataplane_driver = linux
\`\`\`

An option is given by the environment variable \`CHANTER_SECTION__OPTION\`: its section and its name in capitals, two underscores between
them. For [BGP] the name alone will do. With them, no file has to be there. Docker and Kubernetes also take the names of sections about
one peer, as \`CHANTER_BGP_PEER:192.0.2.1__PEER_AS\`. What Kubernetes sets for a Service of the name chanter is not read.
As bagpipe-bgp does, chanter also reads \`OS_SECTION__OPTION\`, over which \`CHANTER_SECTION__OPTION\` wins.

\`\`\`sh
CHANTER_LOCAL_ADDRESS=eth0 CHANTER_MY_AS=64512 CHANTER_PEERS=192.0.2.1 CHANTER_DATAPLANE_DRIVER_EVPN__DATAPLANE_DRIVER=linux chanter daemon
\`\`\`

- A comment takes a whole line and starts with \`#\` or \`;\`. An indented line continues the value above it. Lists are
  separated by commas. Section names may be written in any case, option names in lower case.
- \`$name\` and \`\${name}\` stand for the value of another option of the section, else of [DEFAULT], and \`\${section.name}\` for one of
  another section; \`$$\` and \`\\$\` for a dollar sign. A reference to an option that is not there is an error. So it is in oslo.config.
- A wrong value keeps the daemon from starting: each is a line on standard error, with its position and what is allowed, and the exit code
  is 1. So does a misspelled section, and a misspelled name of an option without which the daemon cannot start, or would have no driver.
- Another unknown option or section is ignored. The log warns of it, with a guess at what was meant, and \`chanter status\` reports it until
  it is corrected.
- An option of bagpipe-bgp that is not applicable, and an older name of an option, are named in the log at the start (level info).

## Check and show

\`chanter config check [FILE]\` lists everything that is wrong, in the words that the daemon uses: errors, warnings and notes, each with file,
line, value, what is allowed and the name that was probably meant. The exit code is 0 without errors, 1 with errors, and 2 where a file
cannot be read. FILE stands in for \`--config-file\`; other arguments and the environment count as for \`chanter daemon\`. \`--json\` prints
\`errors\`, \`warnings\` and \`notes\`.

\`chanter config show [FILE]\` prints every option in effect with its value and its source: a file and its line, an environment variable, an
argument, or \`default\`; an option that follows another one names it. Keys are not shown, only the path of their file. \`--json\` prints
objects. \`chanter config show --running\` asks the daemon for the same of what it has in effect, after reloads too: \`GET /config\`.

## Reload

SIGHUP and \`chanter reload\` apply changes of these options, and of those in sections about peers; all others need a restart
([operations](operations.md#changing-the-configuration)).

${Object.entries(LIVE)
  .map(([section, options]) => `- \`[${section}]\`: ${options.map((option) => `\`${option}\``).join(', ')}`)
  .join('\n')}

## Arguments of bagpipe-bgp

\`chanter daemon\` and \`bagpipe-bgp\` take the arguments of oslo.log: \`--debug\`, \`--log-file\`, \`--log-dir\`, \`--watch-log-file\`,
\`--use-syslog\`, \`--syslog-log-facility\`, \`--use-journal\` set the option of that name in [DEFAULT], and \`--nodebug\`, \`--nouse-syslog\` and
so on switch it off. \`--log-config-append\` (also \`--log-config\`, \`--log_config\`), \`--log-date-format\` and \`--use-json\` are taken, named in
the log as not applicable, and ignored: no file that configures the logging of Python is read.
`

/** The text of docs/configuration.md. */
export function configPage(): string {
  const schema = configSchema({})
  const sections = [...optionsOf(schema)].map(([section, options]) => {
    const used = [...options].filter(([, about]) => !about.unused)
    const unused = [...options].filter(([, about]) => about.unused)
    const rows = used.map(([name, about]) => [
      `\`${name}\``,
      shownDefault(about),
      about.allowed,
      describe(about),
    ])
    const table = used.length > 0 ? [...formatTable(HEAD, rows), ''] : []
    const heading = `\n## [${section}]\n\nIn the environment: \`${variableOf(section, 'option')}\`.\n`
    const own = [heading, ...table, ...unusedOptions(unused)].join('\n')
    return section === 'BGP' ? own + peerSection(options, optionsOfSection(peerSchema(schema).shape)) : own
  })
  const others = `\n## Other sections\n\n${code(OTHER_SECTIONS.map((name) => `[${name}]`))} belong to libraries of bagpipe-bgp or to Neutron: none of their options is
applicable.\n`
  return `${INTRODUCTION}${sections.join('')}${others}`
}

/** About the sections for one peer each; `all` are the options of [BGP]. */
function peerSection(all: Options, options: Options): string {
  const repeated = [...options.keys()].filter((name) => all.has(name))
  const rows = [...options]
    .filter(([name]) => !all.has(name))
    .map(([name, about]) => [`\`${name}\``, shownDefault(about), about.allowed, describe(about)])
  return `
## [${PEER_SECTION}192.0.2.1]

A section for one of the \`peers\`, or for one of the prefixes in \`reflector_clients\`, named by it. It may give again, for this
peer alone: ${code(repeated)}. Besides:

${formatTable(HEAD, rows).join('\n')}

\`\`\`ini
[BGP]
local_address = 192.0.2.11
my_as = 64512
peers = 192.0.2.1, 192.0.2.2, 2001:db8::3
md5_key_file = /etc/bagpipe-bgp/bgp.key

[${PEER_SECTION}192.0.2.2]
peer_as = 64513
ebgp_policy = accept
ttl_security_hops = 1
md5_key_file = none

[${PEER_SECTION}2001:db8::3]
local_address = 2001:db8::11
\`\`\`
`
}

/** A Markdown table, its columns as wide as the formatter makes them. */
function formatTable(head: string[], rows: string[][]): string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
}

function describe({ description, aliases = [] }: About): string {
  return aliases.length > 0 ? `${description} Also as ${code(aliases)}.` : description
}

function shownDefault({ required, fallback }: About): string {
  if (required) return '**required**'
  const empty =
    fallback === null || fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)
  return empty ? '' : `\`${fallback}\``
}

/** Options that are accepted for bagpipe-bgp's sake, with the reason why they have no effect. */
function unusedOptions(options: [string, About][]): string[] {
  if (options.length === 0) return []
  const rows = options.map(([name, { description }]) => [`\`${name}\``, description])
  return ['Not applicable:\n', ...formatTable(['option', 'because'], rows), '']
}

function code(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../docs/configuration.md', import.meta.url), configPage())
}
