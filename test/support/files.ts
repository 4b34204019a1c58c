import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory that holds these files, by path, until the test is over; returns its path. */
export function temporaryFiles(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

/** The path of a FIFO into which another program writes a text, until the test is over. */
export function fifo(text: string): string {
  const path = join(temporaryFiles({}), 'fifo')
  execFileSync('mkfifo', [path])
  const writer = spawn('sh', ['-c', 'exec printf %s "$1" > "$2"', 'sh', text, path])
  onTestFinished(() => void writer.kill())
  return path
}
