import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from '../fault.ts'
import { complain } from './readers.ts'

const CHUNK = Buffer.alloc(4096)

/** Takes all the room of a disk; returns how to give it back. */
function fill(disk: string): () => void {
  const file = join(disk, 'filler')
  const fd = openSync(file, 'w')
  try {
    for (;;) writeSync(fd, CHUNK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(fd)
  }
  return () => rmSync(file)
}

export const fullDisk: Fault = {
  name: 'full-disk',
  weight: 3,
  async start(_world, node, random) {
    const disks = random.some(['state', 'log'] as const)
    const free = disks.map((disk) => fill(disk === 'state' ? node.stateDisk : node.logDisk))
    const isLogAffected = disks.includes('log') && !node.options.logToReader
    if (isLogAffected) await complain(node, 2)
    return {
      ...(isLogAffected ? { reports: /^the log cannot be written to .*ENOSPC/ } : {}),
      what: `disk of the ${disks.join(' and ')} full`,
      lastsMs: random.between(500, 6000),
      end: async () => free.forEach((empty) => void empty()),
    }
  },
}

/** The daemon ends while its state cannot be kept: the next one knows that it does not know everything. */
export const killedWithFullDisk: Fault = {
  name: 'killed-with-full-disk',
  weight: 1,
  async start(_world, node, random) {
    const signal = random.pick(['SIGKILL', 'SIGTERM'] as const)
    const isFreedFirst = random.chance(0.5)
    const free = fill(node.stateDisk)
    return {
      what: `disk of the state full, then ${signal}${isFreedFirst ? '' : ', and full at the next start'}`,
      lastsMs: random.between(500, 3000),
      costs: ['session', 'state'],
      async end() {
        await node.daemon!.stop(signal)
        if (isFreedFirst) free()
        await node.start()
        if (!isFreedFirst) free()
      },
    }
  },
}
