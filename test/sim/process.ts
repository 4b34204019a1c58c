import type { Transport } from '../../src/bgp/session/transport.ts'
import type { Clock } from '../../src/clock.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'
import type { VirtualNetwork } from '../support/virtual-network.ts'

/** The time of one process: when the process is killed, nothing of it runs any more. */
class ProcessClock implements Clock {
  private alive = true
  private readonly clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  now(): number {
    return this.clock.now()
  }

  epoch(): number {
    return this.clock.epoch()
  }

  after(ms: number, task: () => void): () => void {
    return this.clock.after(ms, () => {
      if (this.alive) task()
    })
  }

  soon(task: () => void): void {
    this.after(0, task)
  }

  kill(): void {
    this.alive = false
  }
}

/** What a process has of its machine: time and network. Both end with it. */
export class Process {
  readonly clock: ProcessClock
  readonly network: Transport & { kill(): void }

  constructor({ clock, network }: { readonly clock: VirtualClock; readonly network: VirtualNetwork }) {
    this.clock = new ProcessClock(clock)
    this.network = network.process()
  }

  kill(): void {
    this.clock.kill()
    this.network.kill()
  }
}
