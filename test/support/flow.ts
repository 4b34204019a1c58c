import { fileURLToPath } from 'node:url'
import type { Lab } from '../../src/lab/lab.ts'
import type { Vm } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'

/** A tenth of what `tsx` takes to start. */
const NODE = [process.execPath, '--experimental-strip-types', '--disable-warning=ExperimentalWarning']
const END = fileURLToPath(new URL('./flow-end.ts', import.meta.url))
const PACKETS_A_SECOND = 1250
let count = 0

/** What became of the packets of a flow. */
export interface Outcome {
  readonly sent: number
  readonly packetsASecond: number
  readonly lost: number
  /** From the first packet lost to the last, where there are any. */
  readonly outageMs: number
}

/** Packets from one VM to another and back, more than a thousand a second where nobody asks for fewer, each of them counted. */
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
      const said = sender.tail(1)
      return said === 'answered' ? { value: said } : { seen: said }
    })
    return new Flow(sender, echo)
  }

  /** Ends the flow, and tells what became of it. */
  async stop(): Promise<Outcome> {
    await this.sender.stop('SIGTERM')
    await this.echo.stop('SIGTERM')
    const { sent, seconds, lostAtMs } = JSON.parse(this.sender.tail(1)) as {
      sent: number
      seconds: number
      lostAtMs: number[]
    }
    const outageMs = lostAtMs.length === 0 ? 0 : lostAtMs.at(-1)! - lostAtMs[0]! + 1
    return { sent, packetsASecond: Math.round(sent / seconds), lost: lostAtMs.length, outageMs }
  }
}
