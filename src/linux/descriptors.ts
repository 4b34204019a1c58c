import { readProc } from './proc.ts'

/** File descriptors that a process needs beside those of its peers: for Node, netlink, files and a few clients of the API. */
const OWN_DESCRIPTORS = 64
/** A connection in each direction. */
const DESCRIPTORS_OF_PEER = 2

/** How many file descriptors this process may have open. Node has raised the soft limit to the hard one. */
export function descriptorLimit(limits = readProc('/proc/self/limits')): number {
  const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
  return soft === '' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** Throws where they are too few for the API to answer and for that many peers to be connected. */
export function requireDescriptors(peers: number, limit = descriptorLimit()): void {
  const needed = OWN_DESCRIPTORS + DESCRIPTORS_OF_PEER * peers
  if (limit < needed)
    throw new Error(
      `the process may have ${limit} file descriptors, and needs ${needed} at least: raise the limit (ulimit -n; systemd: LimitNOFILE; containers: nofile)`,
    )
}

/** How many clients may connect from each of some prefixes, at most `limit`: so many that the API still answers, and configured peers can connect. */
export function clientLimit(
  limit: number,
  { prefixes, peers }: { readonly prefixes: number; readonly peers: number },
  descriptors = descriptorLimit(),
): number {
  const room = descriptors - OWN_DESCRIPTORS - DESCRIPTORS_OF_PEER * peers
  return Math.min(limit, Math.max(1, Math.floor(room / prefixes)))
}
