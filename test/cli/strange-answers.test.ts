import { expect, test } from 'vitest'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

const COMMANDS = [
  'status',
  'status --failed',
  'status --settings',
  'status --verify',
  'status --alive',
  'explain 192.0.2.1',
  'peer list',
  'peer reset 192.0.2.1',
  'reload',
  'config show --running',
]

/** What other programs answer with status 200, and where they have one, daemons of another version. */
const BODIES = ['null', '{}', '{"healthy":true}', '[1]', '[{}]', '"ok"', '1']

test.each(COMMANDS)('%s tells an answer of another program as what it is', async (line) => {
  for (const body of BODIES) {
    const { port } = await serve(() => ({ body }))
    const { error, output } = await chanter(...line.split(' '), '--port', `${port}`)
    expect(error).toBe(
      `the answer is none of a chanter daemon of this version: ${body}: is that the right address?`,
    )
    expect(output).toBe('')
  }
})

test('of a long answer the beginning is shown', async () => {
  const { port } = await serve(() => ({ body: JSON.stringify({ text: 'x'.repeat(1000) }) }))
  const { error } = await chanter('status', '--port', `${port}`)
  expect(error).toMatch(/version: \{"text":"x{71}\.\.\.: is that/)
})

test('a refusal that is none of the daemon is no refused configuration', async () => {
  const { port } = await serve(() => ({ status: 409, body: '<h1>Conflict</h1>' }))
  expect((await chanter('reload', '--port', `${port}`)).error).toBe('409: Conflict')
})
