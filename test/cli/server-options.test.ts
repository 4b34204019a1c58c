import { afterEach, expect, test, vi } from 'vitest'
import { CliError } from '../../src/cli/command.ts'
import { serverOf } from '../../src/cli/server-options.ts'

const NO_FILES = {
  'token-file': undefined,
  'tls-ca-file': undefined,
  'tls-cert-file': undefined,
  'tls-key-file': undefined,
}

test.each([
  ['192.0.2.11', '192.0.2.11', 8082, false],
  ['2001:db8::11', '2001:db8::11', 8082, false],
  ['192.0.2.11:8083', '192.0.2.11', 8083, false],
  ['node1.example:8083', 'node1.example', 8083, false],
  ['[2001:db8::11]', '2001:db8::11', 8082, false],
  ['[2001:db8::11]:8083', '2001:db8::11', 8083, false],
  ['::1', '::1', 8082, false],
  ['fe80::1%eth0', 'fe80::1%eth0', 8082, false],
  ['[fe80::1%eth0]:8083', 'fe80::1%eth0', 8083, false],
  ['http://192.0.2.11', '192.0.2.11', 8082, false],
  ['http://node1.example:8083/', 'node1.example', 8083, false],
  ['http://[2001:db8::11]:8083', '2001:db8::11', 8083, false],
  ['https://192.0.2.11', '192.0.2.11', 8082, true],
  ['https://192.0.2.11:8083/', '192.0.2.11', 8083, true],
  ['https://[2001:db8::11]/', '2001:db8::11', 8082, true],
])('--server %s', (server, host, port, isTls) => {
  const found = serverOf({ ...NO_FILES, server }, 8082)
  expect([found.host, found.port, found.socket, found.tls !== undefined]).toEqual([
    host,
    port,
    undefined,
    isTls,
  ])
})

/** The defaults of a command in an environment. */
async function defaultsIn(environment: Readonly<Record<string, string>>) {
  vi.resetModules()
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(`CHANTER_API__${name}`, value)
  const { portOption, serverOptions } = await import('../../src/cli/server-options.ts')
  return [serverOptions.server.default, portOption.default, serverOptions['token-file'].default]
}

afterEach(() => void vi.unstubAllEnvs())

test.each([
  [{}, ['127.0.0.1', 8082, undefined]],
  [{ HOST: '192.0.2.11', PORT: '8092', TOKEN_FILE: '/token' }, ['192.0.2.11', 8092, '/token']],
  [{ HOST: 'none', SOCKET: '/run/api.sock' }, ['unix:/run/api.sock', 8082, undefined]],
  [{ HOST: '127.0.0.1', SOCKET: 'none', TOKEN_FILE: 'none' }, ['127.0.0.1', 8082, undefined]],
  [{ HOST: '', PORT: '', SOCKET: '', TOKEN_FILE: '' }, ['127.0.0.1', 8082, undefined]],
  [{ PORT: 'http' }, ['127.0.0.1', 8082, undefined]],
])('in the environment of a daemon with %j its API is asked', async (environment, defaults) => {
  expect(await defaultsIn(environment)).toEqual(defaults)
})

test.each([
  [
    { 'token-file': '/nowhere/token' },
    8082,
    "--token-file /nowhere/token: ENOENT: no such file or directory, open '/nowhere/token'",
  ],
  [{ 'tls-ca-file': '/' }, 8082, '--tls-ca-file /: EISDIR: illegal operation on a directory, read'],
  [{}, 99_999, '99999 is no port: expected an integer from 1 to 65535'],
  [{}, Number.NaN, 'NaN is no port: expected an integer from 1 to 65535'],
  [{ server: 'https://192.0.2.11:0' }, 8082, '0 is no port: expected an integer from 1 to 65535'],
])('%j with port %j names what is wrong', (changes, port, message) => {
  expect(() => serverOf({ ...NO_FILES, server: 'https://192.0.2.11', ...changes }, port)).toThrow(
    new CliError(message),
  )
})

test('in the environment of oslo.config, too, its API is asked', async () => {
  vi.resetModules()
  vi.stubEnv('OS_API__PORT', '8093')
  expect((await import('../../src/cli/server-options.ts')).portOption.default).toBe(8093)
})
