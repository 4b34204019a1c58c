import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { enterNamespace } from '../../src/lab/namespace.ts'
import { run } from '../kernel/namespace.ts'
import { outputOf } from '../support/spawn.ts'

/** How the names of our namespaces begin. */
const MARK = 'chanter-guest-'
const NAMESPACES = '/run/netns'
/** Our namespaces by their roles. */
const named = new Map<string, string>()

/** An interface in a namespace. */
export type End = readonly [namespace: string, device: string]

/** Calls a function while this thread is in a namespace. */
export function inside<T>(namespace: string, action: () => T): T {
  const leave = enterNamespace(nameOf(namespace))
  try {
    return action()
  } finally {
    leave()
  }
}

/** Runs commands of `ip` in a namespace, all in one process: to start one takes long in the guest. */
export function ip(namespace: string, ...commands: readonly string[]): void {
  outputOf('ip', ['-n', nameOf(namespace), '-batch', '-'], commands.join('\n'))
}

/** Runs a command, whose words hold no spaces, in a namespace. */
export function runIn(namespace: string, command: string): string {
  return inside(namespace, () => run(command))
}

export function setSysctl(namespace: string, name: string, value: number): void {
  inside(namespace, () => writeFileSync(`/proc/sys/${name}`, `${value}`))
}

/** Echo requests of both families that a namespace was sent. */
export function echoesIn(namespace: string): number {
  return inside(namespace, () => {
    const [, ipv4 = ''] = /^Icmp: (\d.*)$/m.exec(readFileSync('/proc/thread-self/net/snmp', 'utf8')) ?? []
    const [, ipv6] = /^Icmp6InEchos\s+(\d+)$/m.exec(readFileSync('/proc/thread-self/net/snmp6', 'utf8')) ?? []
    return Number(ipv4.split(' ')[8]) + Number(ipv6) // InEchos
  })
}

const statistics = z.array(z.object({ mpls_stats: z.object({ rx: z.object({ packets: z.number() }) }) }))

/** How many packets with labels came in by an interface. */
export function labelledPackets(namespace: string, device: string): number {
  const [answer] = statistics.parse(
    JSON.parse(runIn(namespace, `ip -j stats show dev ${device} group afstats subgroup mpls`)),
  )
  return answer?.mpls_stats.rx.packets ?? 0
}

/** Makes namespaces that the functions here know by these names; on the machine they have others, which are unique. */
export function addNamespaces(...roles: readonly string[]): void {
  if (named.size === 0) process.once('exit', removeNamespaces)
  for (const role of roles) named.set(role, `${MARK}${process.pid}-${role}`)
  outputOf('ip', ['-batch', '-'], roles.map((role) => `netns add ${nameOf(role)}`).join('\n'))
  for (const role of roles) ip(role, 'link set lo up')
}

export function removeNamespaces(): void {
  process.off('exit', removeNamespaces)
  removeAll([...named.values()])
  named.clear()
}

/** Removes the namespaces of processes that were killed. */
export function removeAbandoned(): void {
  const pidOf = (name: string) => new RegExp(`^${MARK}(\\d+)-`).exec(name)?.[1]
  const present = existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : []
  removeAll(
    present.filter((name) => {
      const pid = pidOf(name)
      return pid !== undefined && !existsSync(`/proc/${pid}`)
    }),
  )
}

function removeAll(names: readonly string[]): void {
  outputOf('ip', ['-batch', '-'], names.map((name) => `netns del ${name}`).join('\n'))
}

/** The name on this machine of one of our namespaces, or of any other. */
export function nameOf(role: string): string {
  return named.get(role) ?? role
}

/** Joins two interfaces by a veth pair; both are up. */
export function addVeth([namespace, device]: End, [otherNamespace, otherDevice]: End): void {
  ip(
    namespace,
    `link add ${device} type veth peer name ${otherDevice} netns ${nameOf(otherNamespace)}`,
    `link set ${device} up`,
  )
  ip(otherNamespace, `link set ${otherDevice} up`)
}
