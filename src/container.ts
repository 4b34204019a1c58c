import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Entry of the container image, which takes the arguments of `chanter`. Docker and Kubernetes give capabilities to root alone: for another
 * user, a setpriv(1) with file capabilities passes on those that the container may have (ambient capabilities, capabilities(7)).
 */
const SETPRIV = '/opt/chanter/setpriv'
const MAIN = fileURLToPath(new URL('main.js', import.meta.url))
/** The capabilities that the daemon needs, by their number in linux/capability.h. */
const CAPABILITIES = [
  ['net_bind_service', 10],
  ['net_admin', 12],
  ['bpf', 39],
] as const

const status = readFileSync('/proc/self/status', 'utf8')
const field = (name: string): string => new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(status)?.[1] ?? '0'
const has = (set: string, bit: number): boolean => ((BigInt(`0x${field(set)}`) >> BigInt(bit)) & 1n) === 1n

const lacking = CAPABILITIES.filter(([, bit]) => has('CapBnd', bit) && !has('CapEff', bit))
if (lacking.length === 0 || field('NoNewPrivs') === '1') await import(MAIN)
else {
  const names = lacking.map(([name]) => `+${name}`).join(',')
  const words = ['setpriv', '--inh-caps', names, '--ambient-caps', names, process.execPath]
  process.execve?.(SETPRIV, [...words, ...process.execArgv, MAIN, ...process.argv.slice(2)], process.env)
}
