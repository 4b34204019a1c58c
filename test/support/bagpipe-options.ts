import { execFileSync } from 'node:child_process'

const DATAPLANES = ['evpn', 'evpn.linux_vxlan', 'ipvpn', 'ipvpn.mpls_linux', 'ipvpn.mpls_ovs']
const NAMESPACES = [
  ...['api', 'bgp_common', 'run_command', ...DATAPLANES.map((name) => `dataplane.${name}`)].map(
    (name) => `networking_bagpipe.${name}`,
  ),
  ...['oslo.log', 'oslo.concurrency'],
]

/** The configuration that oslo.config generates for the installed bagpipe-bgp, every option with its default. */
export function generatedConfig(): string {
  const words = NAMESPACES.flatMap((name) => ['--namespace', name])
  const env = { ...process.env, PATH: `/usr/bin:${process.env['PATH']}` }
  return optionsOf(execFileSync('oslo-config-generator', words, { env, encoding: 'utf8', stdio: 'pipe' }))
}

/** Sections and options of a generated configuration, also those in comments; each once, and without the help. */
export function optionsOf(text: string): string {
  const lines = text.split('\n').flatMap((line) => {
    if (/^\[.+\]$/.test(line)) return `\n${line}`
    const [, option, value] = /^#?([a-z_0-9]+) ?=(.*)$/.exec(line) ?? []
    return option === undefined ? [] : `${option} =${value}`
  })
  return `${[...new Set(lines)].join('\n').trim()}\n`
}

/** Options of which `<None>` is no value, with one that is. */
const INSTEAD: Readonly<Record<string, string>> = {
  local_address: 'eth0',
  my_as: '64512',
  dataplane_local_address: 'eth0',
  mpls_interface: '*gre*',
}

/** The same with a value for each option. */
export function filledIn(text: string): string {
  return text.replaceAll(/^(\w+) = <None>$/gm, (_, option: string) => `${option} = ${INSTEAD[option] ?? ''}`)
}
