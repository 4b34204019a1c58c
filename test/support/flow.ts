import { fileURLToPath } from 'node:url'
import type { Lab } from '../../src/lab/lab.ts'
import type { Vm } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { type Outcome, outcomeOf } from './flow-account.ts'

/** A tenth of what `tsx` takes to start. */
const NODE = [process.execPath, '--experimental-strip-types', '--disable-warning=ExperimentalWarning']
const END = fileURLToPath(new URL('./flow-end.ts', import.meta.url))
const PACKETS_A_SECOND = 1250
/**
 * A VM that moves is followed in a third of a second. More than this is no busy machine but a wait of the control plane, of which the
 * shortest is ten seconds.
 */
export const LONGEST_OUTAGE_MS = 8000
let count = 0

/** What an end of a flow prints, a number for each packet. */
interface Records {
  readonly sentAt: readonly number[]
  readonly arrivals: readonly number[]
}

/** What became of the packets of a flow. */
export interface Outcomes {
  readonly thereAndBack: Outcome
  readonly there: Outcome
}

/** Packets from one VM to another and back, more than a thousand a second by default, each of them counted. */
export class Flow {
  private readonly sender: LabProcess
  private readonly echo: LabProcess

  private constructor(sender: LabProcess, echo: LabProcess) {
    this.sender = sender
    this.echo = echo
  }

  /** Starts a flow; resolves when answers arrive. */
  static async start(lab: Lab, from: Vm, to: Vm, packetsASecond = PACKETS_A_SECOND): Promise<Flow> {
    const [address = ''] = to.address.split('/')
    const id = ++count
    const run = (vm: Vm, role: string, ...words: string[]) =>
      lab.start(vm.namespace, `flow-${id}-${role}`, ...NODE, END, role, ...words)
    const echo = run(to, 'echo')
    await lab.eventually('the far end of the flow listens', async () => {
      const sockets = await lab.exec(to.namespace, 'ss', '-Hlnu')
      return sockets.includes(':7007') ? { value: true } : { seen: 'no socket' }
    })
    const sender = run(from, 'send', address, `${packetsASecond}`)
    await lab.eventually('answers arrive', async () => {
      const output = sender.tail(1)
      return output === 'answered' ? { value: output } : { seen: output }
    })
    return new Flow(sender, echo)
  }

  /** Ends the flow without an account, as after a failure. */
  close(): void {
    for (const end of [this.sender, this.echo]) end.kill()
  }

  /** Ends the flow, and returns its account. */
  async stop(): Promise<Outcomes> {
    await this.sender.stop('SIGTERM')
    await this.echo.stop('SIGTERM')
    const [sent, there] = [this.sender, this.echo].map((end) => JSON.parse(end.tail(1)) as Records)
    const { sentAt, arrivals } = sent!
    return { thereAndBack: outcomeOf(sentAt, arrivals), there: outcomeOf(sentAt, there!.arrivals) }
  }
}

/** From the first packet lost to the last, in milliseconds; 0 where there are none. */
export function outageMs({ losses }: Outcome): number {
  const [first, last] = [losses[0], losses.at(-1)]
  return first === undefined || last === undefined ? 0 : Math.round(last.untilMs - first.fromMs)
}

/** What became of a flow, for people. */
export function lossText(outcome: Outcome): string {
  const { lost, sent, packetsASecond } = outcome
  return `${lost} of ${sent} packets lost (${packetsASecond}/s, ${outageMs(outcome)} ms)`
}
