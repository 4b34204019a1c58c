import { expect, test } from 'vitest'
import { CHANTER } from '../../src/lab/chanter.ts'
import { freePort, loneDaemon } from '../support/lone-daemon.ts'
import { spawnSync } from '../support/spawn.ts'

/** A line of the shell in which `chanter` is ours, with its errors. */
const shell = (line: string) => spawnSync('bash', ['-c', `chanter() { ${CHANTER} "$@"; }\n${line}`])

test('a reader that has enough is no error', async () => {
  const { api } = await loneDaemon()
  const command = `chanter looking-glass --recurse --port ${api.port}`
  for (let times = 0; times < 5; times++)
    expect(shell(`${command} | head -c 1 >/dev/null; echo \${PIPESTATUS[0]}`)).toEqual({
      code: 0,
      stdout: '0\n',
      stderr: '',
    })
})

test.each([
  'status',
  'status --json',
  'looking-glass',
  'looking-glass --json',
  'peer list',
  'explain 192.0.2.1',
])('%s: an output that cannot be written is an error', async (command) => {
  const { api } = await loneDaemon()
  expect(shell(`chanter ${command} --port ${api.port} >/dev/full`)).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^chanter: standard output cannot be written: ENOSPC[^\n]*\n$/),
  })
})

test('explain has different exit codes for no daemon and for nowhere', async () => {
  const { api } = await loneDaemon()
  expect(shell(`chanter explain 192.0.2.1 --port ${api.port}`).code).toBe(1)
  expect(shell(`chanter explain 192.0.2.1 --port ${await freePort()}`)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^chanter: no answer from/),
  })
})
