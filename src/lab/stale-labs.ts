import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runSync } from './command.ts'
import { LABS, type LabRecord, RECORD, unmount } from './lab.ts'
import { isNamespace, removeNamespace } from './namespace.ts'

/** Removes the labs whose owner has died, and with `kept` those that were left running on purpose. Returns their names. */
export function removeLabs({ kept }: { kept: boolean }): string[] {
  const abandoned = labs().filter(({ record }) => (record.owner === null ? kept : !isAlive(record.owner)))
  for (const { directory, record } of abandoned) {
    for (const namespace of record.namespaces) {
      for (const pid of pidsIn(namespace)) if (record.pids.includes(pid)) process.kill(pid, 'SIGKILL')
      removeNamespace(namespace)
    }
    for (const disk of record.mounts ?? []) unmount(disk)
    rmSync(directory, { recursive: true })
  }
  return abandoned.map(({ name }) => name)
}

function labs(): { name: string; directory: string; record: LabRecord }[] {
  if (!existsSync(LABS)) return []
  return readdirSync(LABS).flatMap((name) => {
    const directory = join(LABS, name)
    const record = join(directory, RECORD)
    return existsSync(record) ? [{ name, directory, record: JSON.parse(readFileSync(record, 'utf8')) }] : []
  })
}

/** A recorded pid may belong to another process by now, but not inside a namespace of the lab. */
function pidsIn(namespace: string): number[] {
  if (!isNamespace(namespace)) return []
  return runSync('ip', 'netns', 'pids', namespace).trim().split('\n').filter(Boolean).map(Number)
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}
