import type { Look } from '../../../src/lab/eventually.ts'

/** The autonomous system of all nodes. */
export const AS = 64512

/** A program that runs on a node, described so that a namespace and a container can run it alike. */
export interface Daemon {
  /** Image that has it, of the Dockerfile or of containers/Dockerfile. */
  readonly image: 'chanter' | 'gobgp' | 'frr' | 'bagpipe'
  /** Its program, which is the entry point of the image. */
  readonly program: string
  /** `restarted`: it ran before in this scenario. */
  args(restarted: boolean): readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Written to the directory of the node before it starts, by their names. */
  readonly files: Readonly<Record<string, string>>
  /** A command that succeeds once it serves. */
  readonly ready: readonly string[]
  /** A command that prints its version. */
  readonly version: readonly string[]
}

/** A machine of the underlay, with its address on `eth0`. */
export interface Node {
  readonly address: string
  /** `directory` is where its files are. */
  daemon(directory: string): Daemon
}

export interface Vm {
  /** The node that it is on, behind the port `tap-` and its name. */
  readonly node: string
  readonly mac: string
  /** With prefix length. */
  readonly addresses: readonly string[]
  /** Gateways of its default routes. */
  readonly gateways?: readonly string[]
}

/** What a newcomer writes: who is there, and what happens and has to be seen, in order. */
export interface Scenario {
  readonly name: string
  /** Who it is that chanter is set against. */
  readonly peer: string
  /** They start in this order. */
  readonly nodes: Readonly<Record<string, Node>>
  readonly vms: Readonly<Record<string, Vm>>
  readonly steps: readonly Step[]
}

export interface Step {
  readonly title: string
  run(stage: Stage): Promise<void>
}

/** What a runner offers to the steps of a scenario. */
export interface Stage {
  readonly scenario: Scenario
  /** Seen by all machines under the same path. */
  readonly directory: string
  /** Packets lost in the flows of the scenario so far, and packets sent. */
  readonly flows: { lost: number; sent: number }
  /** Runs a command in the network of a node or VM, and returns what it printed; fails with its words. */
  on(machine: string, ...command: readonly string[]): Promise<string>
  /** The same among the programs that the node's daemon came with. */
  by(node: string, ...command: readonly string[]): Promise<string>
  /** Starts the daemon of a node; resolves when it serves. */
  start(node: string): Promise<void>
  /** Ends the daemon of a node: as a service manager would, or as a crash. */
  stop(node: string, how: 'stopped' | 'killed'): Promise<void>
  eventually<T>(awaited: string, look: () => Promise<Look<T>>, withinSeconds?: number): Promise<T>
}

export function nodeOf({ scenario }: Stage, name: string): Node {
  const node = scenario.nodes[name]
  if (node === undefined) throw new TypeError(`${scenario.name} has no node ${name}`)
  return node
}

export function vmOf({ scenario }: Stage, name: string): Vm {
  const vm = scenario.vms[name]
  if (vm === undefined) throw new TypeError(`${scenario.name} has no VM ${name}`)
  return vm
}
