import { readFileSync } from 'node:fs'
import type { Lab } from '../../src/lab/lab.ts'
import type { Vm } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'

const INTERVAL_SECONDS = 0.02
/** ping(8) counts its packets in 16 bits. */
const NUMBERS = 1 << 16

/** Echo requests from one VM to another, 50 a second, and which of them were answered. */
export class PingFlow {
  readonly #lab: Lab
  readonly #process: LabProcess
  #read = 0
  #last: number | null = null

  constructor(lab: Lab, from: Vm, to: Vm) {
    const [address = ''] = to.address.split('/')
    this.#lab = lab
    const words = ['ping', '-n', '-i', `${INTERVAL_SECONDS}`, address]
    this.#process = lab.start(from.namespace, 'flow', 'stdbuf', '-oL', ...words)
  }

  /** Waits for an answer from now on; resolves to how many packets before it were lost since the last call. */
  async lost(): Promise<number> {
    let lost = this.#take().lost
    await this.#lab.eventually('packets between the first VMs arrive', async () => {
      const more = this.#take()
      lost += more.lost
      return more.answers > 0 ? { value: true } : { seen: this.#process.tail(1) }
    })
    return lost
  }

  #take(): { answers: number; lost: number } {
    const text = readFileSync(this.#process.logFile, 'utf8')
    const end = text.lastIndexOf('\n') + 1
    let answers = 0
    let lost = 0
    for (const [, number] of text.slice(this.#read, end).matchAll(/icmp_seq=(\d+) ttl(?!.*DUP)/g)) {
      answers++
      const ahead = this.#last === null ? 1 : (Number(number) - this.#last + NUMBERS) % NUMBERS
      // one that others have overtaken was counted as lost
      if (ahead > NUMBERS / 2) lost--
      else {
        lost += ahead - 1
        this.#last = Number(number)
      }
    }
    this.#read = end
    return { answers, lost }
  }
}
