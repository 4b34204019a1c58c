import { readFileSync } from 'node:fs'

/** The content of a file of `/proc`. Throws with the remedy where the machine or the container hides it. */
export function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(
      `${path} cannot be read (${code}), and chanter needs it: mount /proc, all of it (mount -t proc proc /proc; systemd: without ProcSubset=pid)`,
    )
  }
}
