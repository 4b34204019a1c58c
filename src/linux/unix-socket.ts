import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { pathReason } from '../values/path-reason.ts'

export interface UnixSocket {
  readonly path: string
  /** Permissions, as of chmod(2). */
  readonly mode: number
  /** Name or number; null for the group of the process. */
  readonly group: string | null
}

/** sun_path of unix(7), less the NUL. */
const MAX_PATH_OCTETS = 107
const OWNER_ALONE = 0o177
const CHECK_MS = 10_000

/**
 * Has `server` listen on a Unix socket with that mode and group from its first moment on. Replaces the socket of a process that
 * has ended. Rejects where another process listens there, or the path is another file; the message is for the operator.
 */
export async function listenOnUnixSocket(server: Server, { path, mode, group }: UnixSocket): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_OCTETS)
    throw new Error(`the path of a Unix socket has at most ${MAX_PATH_OCTETS} octets: ${path}`)
  const gid = group === null ? null : gidOf(group)
  await removeAbandoned(path)
  await bind(server, path).catch((error) => {
    throw new Error(`Unix socket ${path}: ${pathReason(error)}`)
  })
  if (gid !== null) setGroup(path, gid, `${group}`)
  chmodSync(path, mode)
}

/** What becomes of a socket that another program removes. */
export interface SocketReports {
  removed(): void
  /** The server listens at the path again. */
  restored(): void
  /** It cannot, and tries again. */
  failed(reason: string): void
}

/** Has the server listen at its path again where the socket is removed, within `CHECK_MS`. Returns a function that ends this. */
export function keepUnixSocket(
  server: Server,
  socket: UnixSocket,
  after: (ms: number, task: () => void) => () => void,
  reports: SocketReports,
): () => void {
  let isEnded = false
  let isLost = false
  let cancel = after(CHECK_MS, check)
  async function check(): Promise<void> {
    const isGone = await isMissing(socket.path)
    if (isEnded) return
    if (isGone) {
      if (!isLost) reports.removed()
      isLost = true
      server.close()
      await listenOnUnixSocket(server, socket).then(
        () => {
          isLost = false
          reports.restored()
        },
        (error: Error) => reports.failed(error.message),
      )
    }
    if (!isEnded) cancel = after(CHECK_MS, check)
  }
  return () => {
    isEnded = true
    cancel()
  }
}

function isMissing(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    ({ code }) => code === 'ENOENT' || code === 'ENOTDIR',
  )
}

async function bind(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  // bind(2) creates the file with the mask of the process: no other account can connect before chmod
  const mask = process.umask(OWNER_ALONE)
  try {
    server.listen({ path })
  } finally {
    process.umask(mask)
  }
  await once(server, 'listening')
}

function setGroup(path: string, gid: number, group: string): void {
  try {
    chownSync(path, -1, gid)
  } catch (error) {
    throw new Error(
      `Unix socket ${path}: group ${group} cannot be set (${(error as NodeJS.ErrnoException).code}): put the user of this process into it, or under systemd: SupplementaryGroups=${group}`,
    )
  }
}

async function removeAbandoned(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isSocket()) throw new Error(`${path} is no socket: remove it, or name another path`)
  const failure = await connectionFailure(path)
  if (failure === null) throw new Error(`another process listens on ${path}: stop it, or name another path`)
  if (failure !== 'ECONNREFUSED')
    throw new Error(`whether a process listens on ${path} is unknown: ${failure}`)
  unlinkSync(path)
}

/** Null when a process accepts the connection. */
function connectionFailure(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(null)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

function gidOf(group: string): number {
  if (/^\d+$/.test(group)) return Number(group)
  const entries = readFileSync('/etc/group', 'utf8').split('\n')
  const [, , gid] = entries.find((entry) => entry.startsWith(`${group}:`))?.split(':') ?? []
  if (gid === undefined) throw new Error(`/etc/group has no group ${group}: create it, or give its number`)
  return Number(gid)
}
