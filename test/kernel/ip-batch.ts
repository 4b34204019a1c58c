import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './namespace.ts'

const PATIENCE_MS = 60_000

/**
 * An `ip` or `bridge` that stays and answers one question after the other, since to start one for each takes long in the guest. Questions do not
 * name interfaces: it remembers their indexes.
 */
class Batch {
  private readonly child: ChildProcess
  private readonly questions: number
  private readonly answers: number
  private readonly buffer = Buffer.alloc(1 << 20)

  constructor(program: 'ip' | 'bridge', ...options: readonly string[]) {
    const directory = mkdtempSync(join(tmpdir(), 'ip-batch-'))
    const paths = ['questions', 'answers'].map((name) => join(directory, name))
    run(`mkfifo ${paths.join(' ')}`)
    const [questions = -1, answers = -1] = paths.map((path) =>
      openSync(path, constants.O_RDWR | constants.O_NONBLOCK),
    )
    this.questions = questions
    this.answers = answers
    const words = [...options, '-j', '-d', '-force', '-batch', '-']
    // its ends are its own: it waits for questions
    const [input = -1, output = -1] = paths.map((path) => openSync(path, constants.O_RDWR))
    this.child = spawn(program, words, { stdio: [input, output, 'ignore'] })
    this.child.unref()
    for (const fd of [input, output]) closeSync(fd)
    rmSync(directory, { recursive: true })
  }

  ask(question: string): unknown {
    writeSync(this.questions, `${question}\n`)
    let text = ''
    for (const deadline = performance.now() + PATIENCE_MS; !text.endsWith('\n'); ) {
      if (performance.now() > deadline) throw new Error(`no answer to: ${question}`)
      text += this.read()
    }
    // the labels of a route have the same key there as its destination
    return JSON.parse(text.replaceAll('"encap":"mpls","dst":', '"encap":"mpls","labels":'))
  }

  close(): void {
    this.child.kill()
    closeSync(this.questions)
    closeSync(this.answers)
  }

  private read(): string {
    try {
      return this.buffer.toString('utf8', 0, readSync(this.answers, this.buffer))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      return ''
    }
  }
}

let namespace = 0
const batches = new Map<string, Batch>()

/** What `ip -j`, in the namespace that this thread is in, answers to a question for all interfaces. */
export function askIp(question: string, ...options: readonly string[]): unknown {
  return ask('ip', question, options)
}

/** The same of `bridge -j`. */
export function askBridge(question: string): unknown {
  return ask('bridge', question)
}

function ask(program: 'ip' | 'bridge', question: string, options: readonly string[] = []): unknown {
  const { ino } = statSync('/proc/thread-self/ns/net')
  if (ino !== namespace) for (const batch of batches.values()) batch.close()
  if (ino !== namespace) batches.clear()
  namespace = ino
  const key = [program, ...options].join(' ')
  const batch = batches.get(key) ?? new Batch(program, ...options)
  batches.set(key, batch)
  return batch.ask(question)
}
