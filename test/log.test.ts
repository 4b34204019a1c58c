import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLog, type Logs, plainLog } from '../src/log.ts'
import { temporaryFiles } from './support/files.ts'

/** The text of the log after `work`. */
async function logged(work: (logs: Logs) => void): Promise<string> {
  const file = join(temporaryFiles({}), 'log')
  const logs = createLog(plainLog(false, file))
  work(logs)
  await logs.output.flush(60_000)
  return readFileSync(file, 'utf8')
}

const refused = (code: string, url = '/attach_localport') =>
  ({ type: 'request-refused', method: 'POST', url, status: 400, reason: `not ${url}`, code }) as const

test('no text in the log acts on a terminal or begins a line', async () => {
  const hostile = '\x1b[2J\x9b31m\x7f\u202e\u2028\n{"level":"info"}'
  const text = await logged(({ log, events }) => {
    events.emit(refused('PARAMETER_INVALID', hostile))
    log.child({ instance: hostile }).warn({ error: new Error(hostile) }, hostile)
  })
  const lines = text.trimEnd().split('\n')
  expect(lines).toHaveLength(2)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  for (const line of lines) expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028-\u202e]/)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ url: hostile })
})

test('a client cannot fill the log with one refusal, nor hide another one', async () => {
  const text = await logged(({ events }) => {
    for (let i = 0; i < 1000; i++) events.emit(refused('UNAUTHORIZED'))
    events.emit(refused('VNI_CONFLICT'))
  })
  const codes = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).code)
  expect(codes.length).toBeLessThan(20)
  expect(codes).toContain('VNI_CONFLICT')
})
