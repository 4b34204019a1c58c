import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { messagesOf } from '../../src/config/finding.ts'
import { parseIni } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'
import { Authority } from '../support/certificates.ts'
import { temporaryFiles } from '../support/files.ts'

const directory = mkdtempSync(join(tmpdir(), 'chanter-'))
const authority = new Authority(directory, 'ca')
const { ca } = authority
const { cert, key } = authority.issue('node', '192.0.2.1')

afterAll(() => rmSync(directory, { recursive: true }))

const BASE = '[BGP]\nlocal_address = 192.0.2.1\nmy_as = 64512\n[API]\n'
const check = (options: string) => checkConfig(parseIni(BASE + options, 'bgp.conf'), {})
/** What keeps a daemon from starting. */
const refusals = (options: string) => messagesOf(check(options).findings, 'error')

const warnings = (options: string) => messagesOf(check(options).findings, 'warning')

const TOKEN = '0123456789abcdef0123456789abcdef'
const FOR_ANYONE = 'unprotected = yes-anyone-may-reconfigure-this-node'

describe('an API that others could reach answers this machine alone, and a warning says so', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'node1.example', '128.0.0.1'])('host = %s', (host) => {
    expect(warnings(`host = ${host}\n`)).toEqual([
      `bgp.conf line 5: [API] host = "${host}": clients on other machines are refused, since anyone could reconfigure the node. For the agents of this machine alone write host = 127.0.0.1; for others set token_file, or tls_client_ca_file with a certificate; to allow it to anyone write ${FOR_ANYONE}`,
    ])
  })

  test('api_host, as older files of bagpipe-bgp call it, too', () => {
    expect(warnings('api_host = 0.0.0.0\n')[0]).toMatch(
      /^bgp.conf line 5: \[API\] host = "0\.0\.0\.0": clients on other machines/,
    )
  })

  test('the daemon starts with it, as bagpipe-bgp does', () => {
    expect(check('host = ::\n').config?.api).toMatchObject({ host: '::', unprotected: false })
  })

  test('a certificate of the daemon keeps no client out', () => {
    expect(warnings(`host = ::\ntls_cert_file = ${cert}\ntls_key_file = ${key}\n`)[0]).toMatch(
      /clients on other machines/,
    )
  })
})

test.each([
  '',
  'host = localhost',
  'host = 127.0.0.8',
  'host = ::1',
  `host = 0.0.0.0\n${FOR_ANYONE}`,
  `host = 0.0.0.0\ntls_cert_file = ${cert}\ntls_key_file = ${key}\ntls_client_ca_file = ${ca}`,
  'host = none\nsocket = /run/chanter/api.sock',
])('is no mistake: %j', (options) => {
  expect([...refusals(`${options}\n`), ...warnings(`${options}\n`)]).toEqual([])
})

test.each([
  ['host = none', 'host = "none": without an address the API needs `socket`'],
  [`tls_cert_file = ${cert}`, `tls_cert_file = "${cert}": a certificate needs \`tls_key_file\``],
  [`tls_key_file = ${key}`, `tls_key_file = "${key}": TLS needs \`tls_cert_file\``],
  [
    `tls_client_ca_file = ${ca}`,
    `tls_client_ca_file = "${ca}": TLS needs \`tls_cert_file\` and \`tls_key_file\``,
  ],
])('%s contradicts the rest', (options, message) => {
  expect(refusals(`${options}\n`)).toEqual([`bgp.conf line 5: [API] ${message}`])
})

describe('certificates that cannot be used are found before the daemon starts', () => {
  const broken = join(directory, 'broken.pem')
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n')

  test.each([
    [
      'with the key of another',
      { tls_key_file: authority.issue('other', '192.0.2.2').key },
      /key values mismatch/,
    ],
    ['that is not there', { tls_cert_file: '/nowhere.pem' }, /ENOENT.*expected the path of a PEM file/],
    ['that is no PEM', { tls_cert_file: '/proc/version' }, /\/proc\/version holds no line -----BEGIN/],
    ['that is a device', { tls_cert_file: '/dev/full' }, /\/dev\/full is no regular file/],
    ['that is broken', { tls_cert_file: broken }, /cannot be used with tls_key_file/],
    ['whose CAs are broken', { tls_client_ca_file: broken }, /tls_client_ca_file = .* holds no certificate/],
  ])('one %s', (_, changes, message) => {
    const options = { tls_cert_file: cert, tls_key_file: key, tls_client_ca_file: ca, ...changes }
    const lines = Object.entries(options).map((pair) => `${pair.join(' = ')}\n`)
    expect(refusals(`host = 0.0.0.0\n${lines.join('')}`)).toEqual([expect.stringMatching(message)])
  })

  test('of a key no text has more than the path', () => {
    const { config } = check(`tls_cert_file = ${cert}\ntls_key_file = ${key}\n`)
    expect(config?.api.tls?.key.text).toBe(readFileSync(key, 'utf8'))
    expect(JSON.stringify(config)).not.toContain('-----BEGIN')
    expect(config?.keyFiles).toEqual([key])
  })
})

describe('a token', () => {
  const withToken = (content: string) => {
    const directory = temporaryFiles({ token: content })
    return `host = 0.0.0.0\ntoken_file = ${directory}/token\n`
  }

  test('protects, is in no text, and its file is one that others must not read', () => {
    const { findings, config } = check(withToken(`${TOKEN}\n`))
    expect(findings).toEqual([])
    expect(config?.api.token?.key).toBe(TOKEN)
    expect(JSON.stringify(config)).not.toContain(TOKEN)
    expect(config?.keyFiles).toEqual([config?.api.token?.path])
  })

  test.each([
    ['', /holds 0 octets/],
    ['short', /token that is too short/],
    ['sixteen octets and blanks', /characters that no token has/],
    [`${TOKEN}\n${TOKEN}`, /characters that no token has/],
  ])('%j is refused', (content, message) => {
    expect(refusals(withToken(content))).toEqual([expect.stringMatching(message)])
  })
})

test.each(['888', '0o660', '66', 'rw-rw----', '7777'])('socket_mode = %s is no mode', (mode) => {
  expect(refusals(`socket_mode = ${mode}\n`)[0]).toContain('expected an octal mode such as 0660')
})
