import { expect, test, vi } from 'vitest'
import type { ReloadReport } from '../../src/api/reload.ts'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

const REPORT: ReloadReport = {
  dry_run: false,
  peers: [
    { peer: '192.0.2.1', change: 'removed', resets_session: false, options: [] },
    {
      peer: '192.0.2.2',
      change: 'changed',
      resets_session: true,
      options: [{ option: 'hold_time', before: 90, after: 30 }],
    },
    {
      peer: '192.0.2.3',
      change: 'changed',
      resets_session: false,
      options: [{ option: 'max_prefixes', before: null, after: 1000 }],
    },
  ],
  options: [
    { section: 'DEFAULT', option: 'debug', before: false, after: true, needs_restart: false },
    { section: 'BGP', option: 'my_as', before: 64512, after: 64513, needs_restart: true },
  ],
  warnings: ['bgp.conf line 4: unknown option [BGP] my_ass (did you mean my_as?); it is ignored'],
}
const LINES = `peer 192.0.2.1 removed
peer 192.0.2.2 hold_time: 90 -> 30 (resets the session)
peer 192.0.2.3 max_prefixes: none -> 1000
[DEFAULT] debug: false -> true
[BGP] my_as: 64512 -> 64513 (needs a restart)
warning: bgp.conf line 4: unknown option [BGP] my_ass (did you mean my_as?); it is ignored
`

async function reload(answer: { status?: number; body: unknown }, ...args: readonly string[]) {
  const asked: string[] = []
  const server = await serve(({ method, url = '' }) => {
    asked.push(`${method} ${url}`)
    return { ...answer, body: JSON.stringify(answer.body) }
  })
  const errors: string[] = []
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((line) => errors.push(String(line)) > 0)
  const outcome = await chanter('reload', ...args, '--port', String(server.port))
  write.mockRestore()
  return { ...outcome, errors, asked }
}

test('prints a line for each difference', async () => {
  expect(await reload({ body: REPORT })).toMatchObject({
    output: LINES,
    error: undefined,
    asked: ['POST /reload?dry_run=false'],
  })
})

test('a dry run asks for the difference only, and says so', async () => {
  const { output, asked } = await reload({ body: { ...REPORT, dry_run: true } }, '--dry-run')
  expect(output).toBe(`${LINES}dry run: nothing was changed\n`)
  expect(asked).toEqual(['POST /reload?dry_run=true'])
})

test('without a difference', async () => {
  const { output } = await reload({ body: { dry_run: false, peers: [], options: [], warnings: [] } })
  expect(output).toBe('no difference\n')
})

test('prints JSON', async () => {
  expect(JSON.parse((await reload({ body: REPORT }, '--json')).output)).toEqual(REPORT)
})

test('a configuration that cannot be used: all findings, exit code 1', async () => {
  const description = 'bgp.conf line 3: one\nbgp.conf line 4: two'
  expect(await reload({ status: 409, body: { code: 409, title: 'Conflict', description } })).toMatchObject({
    output: '',
    exitCode: 1,
    errors: ['chanter: bgp.conf line 3: one\n', 'chanter: bgp.conf line 4: two\n'],
  })
})
