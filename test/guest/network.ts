import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { enterNamespace } from '../../src/lab/namespace.ts'
import { run } from '../kernel/namespace.ts'
import { outputOf } from '../support/spawn.ts'

/** An interface in a namespace. */
export type End = readonly [namespace: string, device: string]

/** Calls a function while this thread is in a namespace. */
export function inside<T>(namespace: string, action: () => T): T {
  const leave = enterNamespace(namespace)
  try {
    return action()
  } finally {
    leave()
  }
}

/** Runs commands of `ip` in a namespace, all in one process: to start one takes long in the guest. */
export function ip(namespace: string, ...commands: readonly string[]): void {
  outputOf('ip', ['-n', namespace, '-batch', '-'], commands.join('\n'))
}

/** Runs a command, whose words hold no spaces, in a namespace. */
export function runIn(namespace: string, command: string): string {
  return inside(namespace, () => run(command))
}

export function setSysctl(namespace: string, name: string, value: number): void {
  inside(namespace, () => writeFileSync(`/proc/sys/${name}`, `${value}`))
}

const statistics = z.array(z.object({ mpls_stats: z.object({ rx: z.object({ packets: z.number() }) }) }))

/** How many packets with labels came in by an interface. */
export function labelledPackets(namespace: string, device: string): number {
  const [answer] = statistics.parse(
    JSON.parse(runIn(namespace, `ip -j stats show dev ${device} group afstats subgroup mpls`)),
  )
  return answer?.mpls_stats.rx.packets ?? 0
}

export function addNamespaces(...names: readonly string[]): void {
  for (const name of names) {
    run(`ip netns add ${name}`)
    ip(name, 'link set lo up')
  }
}

export function removeNamespaces(): void {
  run('ip -all netns delete')
}

/** Joins two interfaces by a cable; both are up. */
export function addCable([namespace, device]: End, [otherNamespace, otherDevice]: End): void {
  ip(
    namespace,
    `link add ${device} type veth peer name ${otherDevice} netns ${otherNamespace}`,
    `link set ${device} up`,
  )
  ip(otherNamespace, `link set ${otherDevice} up`)
}
