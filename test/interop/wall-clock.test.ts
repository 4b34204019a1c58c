import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fetchJson } from '../../src/client.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { temporaryFiles } from '../support/files.ts'
import { loneDaemon } from '../support/lone-daemon.ts'

const YEAR_MS = 365 * 86_400_000

/** At SIGUSR2 the time of day of the process jumps. */
const jumping = (years: number) => `
const now = Date.now
process.on('SIGUSR2', () => { Date.now = () => now() + ${years * YEAR_MS} })
`

test.each([10, -10])('a time of day that jumps by %i years leaves the uptime as it is', async (years) => {
  const directory = temporaryFiles({ 'jump.mjs': jumping(years) })
  const log = join(directory, 'chanter.log')
  const daemon = await loneDaemon({
    by: ['env', `NODE_OPTIONS=--import=${join(directory, 'jump.mjs')}`],
    settings: { DEFAULT: { log_file: log } },
  })
  daemon.signal('SIGUSR2')
  const year = new Date().getFullYear() + years
  await eventually('the log has the other year', async () => {
    const lines = readFileSync(log, 'utf8')
    return lines.includes(`"time":"${year}`) ? { value: year } : { seen: lines.slice(-80) }
  })
  const status = await fetchJson<{ ok: boolean; uptime_seconds: number }>(daemon.api, '/status')
  expect(status.ok).toBe(true)
  expect(status.uptime_seconds).toBeGreaterThanOrEqual(0)
  expect(status.uptime_seconds).toBeLessThan(600)
})
