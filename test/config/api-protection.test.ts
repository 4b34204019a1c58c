import { describe, expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { temporaryFiles } from '../support/files.ts'

const BASE = '[BGP]\nlocal_address = 192.0.2.1\nmy_as = 64512\n[API]\n'
const load = (options: string) => interpret(parseIni(BASE + options, 'bgp.conf'), {})

const TOKEN = '0123456789abcdef0123456789abcdef'
const FOR_ANYONE = 'unprotected = yes-anyone-may-reconfigure-this-node'

describe('an API that anyone could use keeps the daemon from starting', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'node1.example', '128.0.0.1'])('host = %s', (host) => {
    expect(load(`host = ${host}\n`).refusal).toBe(
      `bgp.conf line 5: [API] host = ${host}: anyone who reaches this address could reconfigure the node. For the agents of this machine alone write host = 127.0.0.1; for others set token_file, or tls_client_ca_file with a certificate; to allow it to anyone write ${FOR_ANYONE}`,
    )
  })

  test('api_host, as older files of bagpipe-bgp call it, too', () => {
    expect(load('api_host = 0.0.0.0\n').refusal).toMatch(
      /^bgp.conf line 5: \[API\] host = 0\.0\.0\.0: anyone/,
    )
  })

  test('a certificate of the daemon keeps nobody out', () => {
    expect(load('host = ::\ntls_cert_file = c\ntls_key_file = k\n').refusal).toMatch(/anyone who reaches/)
  })
})

test.each([
  '',
  'host = localhost',
  'host = 127.0.0.8',
  'host = ::1',
  `host = 0.0.0.0\n${FOR_ANYONE}`,
  'host = 0.0.0.0\ntls_cert_file = c\ntls_key_file = k\ntls_client_ca_file = ca',
  'host = none\nsocket = /run/chanter/api.sock',
])('may start: %j', (options) => {
  expect(load(`${options}\n`).refusal).toBe(null)
})

test.each([
  ['host = none', 'host = none: without an address the API needs `socket`'],
  ['tls_cert_file = c', 'tls_cert_file = c: a certificate needs `tls_key_file`'],
  ['tls_key_file = k', 'tls_key_file = k: TLS needs `tls_cert_file`'],
  ['tls_client_ca_file = a', 'tls_client_ca_file = a: TLS needs `tls_cert_file` and `tls_key_file`'],
])('%s contradicts the rest', (options, message) => {
  expect(load(`${options}\n`).refusal).toBe(`bgp.conf line 5: [API] ${message}`)
})

describe('a token', () => {
  const withToken = (content: string) => {
    const directory = temporaryFiles({ token: content })
    return load(`host = 0.0.0.0\ntoken_file = ${directory}/token\n`)
  }

  test('protects, is in no text, and its file is one that others must not read', () => {
    const { refusal, config } = withToken(`${TOKEN}\n`)
    expect(refusal).toBe(null)
    expect(config.api.token?.key).toBe(TOKEN)
    expect(JSON.stringify(config)).not.toContain(TOKEN)
    expect(config.keyFiles).toEqual([config.api.token?.path])
  })

  test.each([
    ['', /holds 0 octets/],
    ['short', /token that is too short/],
    ['sixteen octets and blanks', /characters that no token has/],
    [`${TOKEN}\n${TOKEN}`, /characters that no token has/],
  ])('%j is refused', (content, message) => {
    expect(() => withToken(content)).toThrow(message)
  })
})

test.each(['888', '0o660', '66', 'rw-rw----', '7777'])('socket_mode = %s is no mode', (mode) => {
  expect(() => load(`socket_mode = ${mode}\n`)).toThrow('expected an octal mode such as 0660')
})
