import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { nameOf } from './network.ts'

const PROGRAM = fileURLToPath(new URL('./flows.py', import.meta.url))
const answer = z.array(z.string().nullable())

/** Where the packet of each flow arrived; null: nowhere. */
export type Paths = readonly (string | null)[]

/** Flows from one namespace to addresses that several have: one packet each, a turn. */
export class Flows {
  private readonly child: ChildProcess
  private readonly lines: AsyncIterator<string>
  /** What the receivers are called here, by what they are called on this machine. */
  private readonly receivers: ReadonlyMap<string | null, string>

  constructor(sender: string, receivers: readonly string[]) {
    this.receivers = new Map(receivers.map((receiver) => [nameOf(receiver), receiver]))
    const names = [sender, ...receivers].map(nameOf)
    this.child = spawn('python3', [PROGRAM, ...names], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
  }

  async send(addresses: readonly string[]): Promise<Paths> {
    this.child.stdin!.write(`${addresses.join(' ')}\n`)
    const { value } = await this.lines.next()
    return answer.parse(JSON.parse(value)).map((name) => this.receivers.get(name) ?? null)
  }

  close(): void {
    this.child.kill()
  }
}

/** The number of flows by path. */
export function shares(paths: Paths): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const path of paths) counts[`${path}`] = (counts[`${path}`] ?? 0) + 1
  return counts
}

/** The number of flows that changed their path. */
export function moved(before: Paths, after: Paths): number {
  return before.filter((path, i) => path !== after[i]).length
}

/** The number of flows that changed their path without `edge` in it, before or after. */
export function disturbed(before: Paths, after: Paths, edge: string): number {
  return before.filter((path, i) => path !== after[i] && path !== edge && after[i] !== edge).length
}
