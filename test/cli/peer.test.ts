import { expect, test } from 'vitest'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

const UP = {
  id: '192.0.2.1',
  state: 'Established',
  as: 64512,
  since: '2026-11-22 15:44:20',
  routes: 12,
  reason: null,
}
const DOWN = { ...UP, id: '2001:db8::1', state: 'Idle', routes: 0, reason: 'disabled: cable work' }

/** The command line against a daemon with two peers, and what it asked for. */
async function peer(...args: readonly string[]) {
  const asked: string[] = []
  const server = await serve(({ method, url = '' }, body) => {
    asked.push(`${method} ${url} ${body}`.trim())
    if (url === '/looking-glass/bgp/peers') return { body: JSON.stringify([UP, DOWN]) }
    if (url.startsWith('/bgp/peers/2001%3Adb8%3A%3A1/')) return { body: JSON.stringify(DOWN) }
    return { status: 404, body: '{"code":404,"title":"Not Found","description":"192.0.2.9 is no peer"}' }
  })
  return { ...(await chanter('peer', ...args, '--port', String(server.port))), asked }
}

test('list shows a line for each peer', async () => {
  expect((await peer('list')).output).toBe(`PEER         AS     STATE        SINCE                ROUTES  WHY
192.0.2.1    64512  Established  2026-11-22 15:44:20  12
2001:db8::1  64512  Idle         2026-11-22 15:44:20  0       disabled: cable work
`)
})

test('list prints JSON', async () => {
  expect(JSON.parse((await peer('list', '--json')).output)).toEqual([UP, DOWN])
})

test.each([
  [['enable'], 'POST /bgp/peers/2001%3Adb8%3A%3A1/enable {}'],
  [['refresh'], 'POST /bgp/peers/2001%3Adb8%3A%3A1/refresh {}'],
  [
    ['disable', '--reason', 'cable work'],
    'POST /bgp/peers/2001%3Adb8%3A%3A1/disable {"reason":"cable work"}',
  ],
])('%j is an order, and shows what became of the peer', async ([action, ...more], expected) => {
  const { asked, output, error } = await peer(action!, '2001:db8::1', ...more)
  expect({ asked, error }).toEqual({ asked: [expected], error: undefined })
  expect(output).toContain('2001:db8::1  64512  Idle')
})

test.each([
  [['reset', '192.0.2.9'], '404: Not Found: 192.0.2.9 is no peer'],
  [['reset'], 'which peer? chanter peer reset ADDRESS'],
  [['list', '192.0.2.1'], 'chanter peer list takes neither an address nor a --reason'],
  [['rest', '192.0.2.1'], 'unknown action rest (did you mean reset?); see chanter peer --help'],
  [
    ['explode', '192.0.2.1'],
    'unknown action explode: one of list, enable, disable, reset, refresh; see chanter peer --help',
  ],
])('%j is refused', async (args, error) => {
  expect(await peer(...args)).toMatchObject({ error, output: '' })
})
