import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from '../fault.ts'
import { HOLD_SECONDS } from '../node.ts'
import { connections } from './readers.ts'

const GROUPS = '/sys/fs/cgroup/memory'
const PREFIX = 'chanter-chaos-'
const MOST_MIB = 24
const READERS = 20
const REQUESTS = 50

/**
 * Little memory: beyond it the kernel has the daemon wait until there is more, as a machine does that is busy reclaiming. A system call
 * that needs more fails with ENOMEM; Node ends the process then, and its supervisor starts it again.
 */
export const memoryShort: Fault = {
  name: 'memory-short',
  weight: 2,
  async start(_world, node, random) {
    const mib = random.between(0, MOST_MIB)
    if (!existsSync(GROUPS)) return { what: 'this machine has no memory control groups (v1)' }
    const leave = confine(node.pid, mib)
    const sockets = connections(
      node,
      READERS,
      'GET /status/entries HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(REQUESTS),
    )
    return {
      what: `room for ${mib} MiB more memory`,
      lastsMs: random.between(200, (HOLD_SECONDS * 1000) / 2 - 500),
      async end() {
        leave()
        for (const socket of sockets) socket.destroy()
        await node.startIfEnded()
      },
    }
  },
}

/** Puts a process into a group that may take so much memory from now on; returns how to take it out. */
function confine(pid: number, mib: number): () => void {
  removeGroups()
  const [, home = '/'] = /^\d+:memory:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? []
  const group = join(GROUPS, `${PREFIX}${pid}`)
  mkdirSync(group)
  writeFileSync(join(group, 'memory.limit_in_bytes'), `${(mib + 1) << 20}`)
  writeFileSync(join(group, 'memory.oom_control'), '1')
  writeFileSync(join(group, 'cgroup.procs'), `${pid}`)
  return () => {
    writeFileSync(join(group, 'memory.limit_in_bytes'), '-1')
    try {
      writeFileSync(join(GROUPS, home, 'cgroup.procs'), `${pid}`)
      rmdirSync(group)
    } catch {} // it has ended, or is ending: the next one removes the group
  }
}

/** Those of runs that were interrupted; one that is in use cannot be removed. */
function removeGroups(): void {
  for (const name of readdirSync(GROUPS).filter((one) => one.startsWith(PREFIX))) {
    try {
      rmdirSync(join(GROUPS, name))
    } catch {}
  }
}
