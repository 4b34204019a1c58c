import { expect, test } from 'vitest'
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
