import { spawn } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { scenarios } from './scenarios.ts'

const PLAY = new URL('play.ts', import.meta.url).pathname

/** Runs a scenario with a heap of that size; resolves to what it complained of. */
function play(name: string, heapMib: number): Promise<string> {
  const args = [`--max-old-space-size=${heapMib}`, '--import', 'tsx', PLAY, name]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk) => {
    complaint += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code === 0 ? '' : `${signal ?? code}: ${complaint}`))
  })
}

describe('memory is bounded, and comes back, with', () => {
  test.each(Object.entries(scenarios))('%s', async (name, { heapMib }) => {
    expect(await play(name, heapMib)).toBe('')
  })
})
