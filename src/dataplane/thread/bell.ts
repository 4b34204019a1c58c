import * as libc from '../../linux/libc.ts'

const EFD_CLOEXEC = 0o2000000
const EFD_NONBLOCK = 0o4000
const POLLIN = 1
const POLLFD_BYTES = 8
const ONE = new Uint8Array(BigUint64Array.of(1n).buffer)

/** Positions in `state`: whether the thread sleeps, and whether it must not sleep any more. */
const ASLEEP = 0
const ENDING = 1

/** What wakes a sleeping thread: shared memory that tells whether it sleeps, and a descriptor that it sleeps on. */
export interface BellHandles {
  readonly fd: number
  readonly state: Int32Array
}

export function makeBell(): BellHandles {
  const fd = libc.checked(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd')
  return { fd, state: new Int32Array(new SharedArrayBuffer(8)) }
}

/** Call it when the thread has ended: it sets the thread awake permanently, so that no more signals are sent. */
export function closeBell({ fd }: BellHandles): void {
  libc.close(fd)
}

/** Wakes the thread, if it sleeps; call it after writing the message. */
export function ring({ fd, state }: BellHandles): void {
  if (Atomics.exchange(state, ASLEEP, 0) === 1) libc.write(fd, ONE, ONE.length)
}

/** Wakes the thread permanently: a process does not end before its threads, and cannot interrupt a sleeping one. */
export function ringLast(bell: BellHandles): void {
  Atomics.store(bell.state, ENDING, 1)
  ring(bell)
}

/** Sleeps in the kernel until the bell rings, or there is an answer or, if it listens, a notification to read. */
export class Sleeper {
  private readonly bell: BellHandles
  private readonly polled: Buffer
  private readonly answers: number
  private readonly drained = Buffer.alloc(8)

  /** `answers` and `notifications` are descriptors. */
  constructor(bell: BellHandles, answers: readonly number[], notifications: readonly number[]) {
    this.bell = bell
    this.answers = answers.length
    this.polled = Buffer.alloc(POLLFD_BYTES * (1 + answers.length + notifications.length))
    for (const [i, fd] of [bell.fd, ...answers, ...notifications].entries()) {
      this.polled.writeInt32LE(fd, i * POLLFD_BYTES)
      this.polled.writeInt16LE(POLLIN, i * POLLFD_BYTES + 4)
    }
  }

  /**
   * Waits for the bell, an answer or, if `listens`, a notification; returns whether one of the latter two can be read. `ms` is as in poll(2). It calls `isNeeded`
   * last, for messages that arrived just before.
   */
  sleep(ms: number, listens: boolean, isNeeded: () => boolean): boolean {
    const { polled } = this
    const { fd, state } = this.bell
    Atomics.store(state, ASLEEP, 1)
    const isAwaited = Atomics.load(state, ENDING) === 1 || isNeeded()
    const count = listens ? polled.length / POLLFD_BYTES : 1 + this.answers
    const ready = isAwaited ? 0 : libc.poll(polled, count, ms)
    Atomics.store(state, ASLEEP, 0)
    if (ready <= 0) return false
    const isRung = this.isReady(0)
    if (isRung) libc.read(fd, this.drained, this.drained.length)
    return ready > (isRung ? 1 : 0)
  }

  private isReady(index: number): boolean {
    return this.polled.readInt16LE(index * POLLFD_BYTES + 6) !== 0
  }
}
