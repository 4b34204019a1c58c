import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { run, runSync } from './command.ts'
import { eventually, Hopeless, type Look } from './eventually.ts'
import { enterNamespace, removeNamespace } from './namespace.ts'
import { LabProcess } from './process.ts'

/** The directory of all labs: each has one for its files and for the record of what it made. Only root can write here. */
export const LABS = '/run/chanter-lab'

/** What a lab made, recorded in its directory for the clean-up. */
export interface LabRecord {
  /** Pid of the process that cleans up; null when the lab was left running on purpose. */
  readonly owner: number | null
  readonly namespaces: readonly string[]
  readonly pids: readonly number[]
  /** Directories of its own that are file systems, if any. */
  readonly mounts?: readonly string[]
}

export const RECORD = 'lab.json'

/** Network namespaces and the processes in them. All of it ends with `close`, with this process, or with Ctrl-C. */
export class Lab {
  /** Unique on this machine; the prefix of its namespaces' names. */
  readonly name: string
  readonly directory: string
  readonly processes: LabProcess[] = []
  readonly #namespaces: string[] = []
  readonly #mounts: string[] = []
  #leave: (() => void) | undefined
  #owned = true

  constructor(name = `chanter-${process.pid}`) {
    this.name = name
    this.directory = join(LABS, name)
    mkdirSync(LABS, { recursive: true, mode: 0o700 })
    mkdirSync(this.directory)
    process.once('exit', this.#onExit).once('SIGINT', this.#onSignal).once('SIGTERM', this.#onSignal)
    this.#record()
  }

  /** Makes a namespace for `role` and returns its name. */
  addNamespace(role: string): string {
    const namespace = `${this.name}-${role}`
    this.#namespaces.push(namespace)
    this.#record()
    runSync('ip', 'netns', 'add', namespace)
    runSync('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  /** Makes a disk of that many KiB in memory, to test full disks; returns its directory. */
  addDisk(name: string, kibibytes: number): string {
    const directory = join(this.directory, name)
    mkdirSync(directory)
    runSync('mount', '-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'chanter', directory)
    this.#mounts.push(directory)
    this.#record()
    return directory
  }

  /** Moves this process into one of the lab's namespaces until the lab closes. */
  enter(namespace: string): void {
    this.#leave = enterNamespace(namespace)
  }

  /** Runs a program in a namespace and returns its output. */
  exec(namespace: string, ...command: readonly string[]): Promise<string> {
    return run('ip', 'netns', 'exec', namespace, ...command)
  }

  /** Starts a program that stays; `name` is unique in the lab. */
  start(namespace: string, name: string, ...command: readonly string[]): LabProcess {
    const log = join(this.directory, `${name}.log`)
    const started = new LabProcess(name, log, 'ip', ['netns', 'exec', namespace, ...command])
    this.processes.push(started)
    this.#record()
    return started
  }

  /** As the function `eventually`, but fails at once when a process of the lab has failed, and ends with the lab. */
  eventually<T>(awaited: string, look: () => Promise<Look<T>>, withinSeconds?: number): Promise<T> {
    const watchful = async () => {
      if (!this.#owned) throw new Hopeless(`the lab was closed while we waited for this: ${awaited}`)
      const failed = this.processes.find((started) => started.failure !== undefined)
      if (failed)
        throw new Hopeless(
          `${failed.name} ended (${failed.failure}) while we waited for this: ${awaited}; its last words: ${failed.tail(5)}`,
        )
      return look()
    }
    return eventually(awaited, watchful, withinSeconds)
  }

  /** Ends the processes and removes the namespaces and files. Not asynchronous, so that it works while the process ends. */
  close(): void {
    if (!this.#owned) return
    this.#disown()
    for (const started of this.processes) started.kill()
    for (const namespace of this.#namespaces) removeNamespace(namespace)
    for (const directory of this.#mounts) unmount(directory)
    rmSync(this.directory, { recursive: true })
  }

  /** Leaves everything running after this process; `removeLabs` ends it. */
  keep(): void {
    this.#disown()
    this.#record(null)
  }

  #disown(): void {
    this.#owned = false
    this.#leave?.()
    process.off('exit', this.#onExit).off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal)
  }

  #onExit = () => this.close()

  #onSignal = (signal: NodeJS.Signals) => {
    this.close()
    process.exit(128 + constants.signals[signal])
  }

  #record(owner: number | null = process.pid): void {
    const pids = this.processes.flatMap(({ pid }) => pid ?? [])
    const record: LabRecord = { owner, namespaces: this.#namespaces, pids, mounts: this.#mounts }
    writeFileSync(join(this.directory, RECORD), JSON.stringify(record))
  }
}

/** Removes a disk of a lab, also while it is in use. */
export function unmount(directory: string): void {
  runSync('umount', '-l', directory)
}
