/** Of an error about a path: the system's message, and what to do where this user may not use the path. */
export function pathReason(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  const remedy = remedyFor(code)
  return remedy === null ? message : `${message}: ${remedy}`
}

/** What to do about a path that this user may not use, by the code of the error; null for other errors. */
export function remedyFor(code: unknown): string | null {
  if (code === 'EACCES' || code === 'EPERM')
    return `give access to the user of this process, whose id is ${process.getuid?.()}`
  if (code === 'EROFS') return 'choose a path that can be written; under systemd: ReadWritePaths='
  return null
}
