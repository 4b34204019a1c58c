import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/finding.ts'
import { parseIni } from '../../src/config/ini.ts'
import { exposed } from '../../src/config/key-file.ts'
import { interpret } from '../../src/config/load.ts'
import { formatIp } from '../../src/values/address.ts'
import { fifo, temporaryFiles } from '../support/files.ts'

const BASE = '[BGP]\nlocal_address = 192.0.2.11\nmy_as = 64512\npeers = 192.0.2.1, 192.0.2.2\n'
const KEY = 'correct horse battery staple'

let directory: string
const file = (name: string): string => join(directory, name)

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'chanter-'))
  writeFileSync(file('bgp.key'), `${KEY}\n`)
  writeFileSync(file('empty.key'), '\n')
  writeFileSync(file('long.key'), 'x'.repeat(81))
  writeFileSync(file('binary.key'), Buffer.from('schlüssel', 'latin1'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const load = (text: string) => interpret(parseIni(BASE + text, 'bgp.conf'), {})

/** Settings of the two peers. */
function peers(text: string) {
  const { config, warnings } = load(text)
  expect(warnings).toEqual([])
  const [one, two] = config.bgp.peers
  return [one!, two!] as const
}

describe('a peer', () => {
  test('is internal, unprotected and unlimited by default', () => {
    expect(peers('')[0]).toEqual({
      address: '\xc0\x00\x02\x01',
      enabled: true,
      localAddress: '\xc0\x00\x02\x0b',
      as: 64512,
      external: 'reject',
      passive: false,
      port: 179,
      holdTimeSeconds: 90,
      connectRetrySeconds: 5,
      routeTargetConstraint: true,
      reflectorClient: false,
      md5Key: null,
      ttlSecurityHops: null,
      maxPrefixes: null,
      addPath: true,
    })
  })

  test.each([
    ['peer_as = 64513', { as: 64513 }],
    ['ebgp_policy = accept', { external: 'accept' }],
    ['passive = true', { passive: true }],
    ['bgp_port = 1790', { port: 1790 }],
    ['hold_time = 9', { holdTimeSeconds: 9 }],
    ['connect_retry_time = 1', { connectRetrySeconds: 1 }],
    ['enable_rtc = false', { routeTargetConstraint: false }],
    ['ttl_security_hops = 2', { ttlSecurityHops: 2 }],
    ['max_prefixes = 1000', { maxPrefixes: 1000 }],
    ['add_path = no', { addPath: false }],
  ])('%s holds for all in [BGP], and for one in its section', (option, expected) => {
    const unlike = peers('')[1]
    expect(peers(option)).toMatchObject([expected, expected])
    const [one, two] = peers(`[BGP_PEER:192.0.2.1]\n${option}\n`)
    expect(one).toMatchObject(expected)
    expect(two).toEqual(unlike)
  })

  test('its section wins, before or after [BGP], in whatever spelling', () => {
    const text =
      'peers = 2001:db8::1\nlocal_address = 2001:db8::b\nrouter_id = 192.0.2.11\nmax_prefixes = 5\n'
    const { config, warnings } = load(`[bgp_peer:2001:DB8:0::1]\nmax_prefixes = none\n[BGP]\n${text}`)
    expect(warnings).toEqual([])
    expect(config.bgp.peers[0]).toMatchObject({ maxPrefixes: null, localAddress: config.bgp.localAddress })
  })

  test('may be reached from another address, kept down, and be no client of our reflector', () => {
    const section = 'local_address = 192.0.2.12\nenabled = false\nreflector_client = false\n'
    const [one, two] = peers(`reflector = true\n[BGP_PEER:192.0.2.1]\n${section}`)
    expect(formatIp(one.localAddress)).toBe('192.0.2.12')
    expect(one).toMatchObject({ enabled: false, reflectorClient: false })
    expect(two).toMatchObject({ enabled: true, reflectorClient: true })
  })

  test('that is a prefix has settings too', () => {
    const text = 'reflector_clients = 10.0.0.0/8, 2001:db8::/32\n[BGP_PEER:10.0.0.0/8]\npeer_as = 64513\n'
    const { config, warnings } = load(`${text}[BGP_PEER:2001:DB8::/32]\nlocal_address = 2001:db8::11\n`)
    expect(warnings).toEqual([])
    expect(config.bgp.dynamicPeers.map(({ as }) => as)).toEqual([64513, 64512])
    expect(config.bgp.dynamicPeers.map(({ localAddress }) => formatIp(localAddress))).toEqual([
      '192.0.2.11',
      '2001:db8::11',
    ])
  })
})

describe('a key', () => {
  test('is what stands in the file, and can be taken back for one peer', () => {
    const [one, two] = peers(`md5_key_file = ${file('bgp.key')}\n[BGP_PEER:192.0.2.2]\nmd5_key_file = none\n`)
    expect([one.md5Key, two.md5Key]).toEqual([KEY, null])
  })

  test('is reported as exposed as long as every user can read its file', () => {
    const path = join(temporaryFiles({ 'bgp.key': KEY }), 'bgp.key')
    const { config } = load(`md5_key_file = ${path}\n[BGP_PEER:192.0.2.2]\nmd5_key_file = none\n`)
    chmodSync(path, 0o644)
    expect(exposed(config.keyFiles)).toEqual([
      `every user of this machine can read the key in ${path}: chmod o-rwx ${path}, and change the key`,
    ])
    chmodSync(path, 0o640)
    expect(exposed(config.keyFiles)).toEqual([])
    rmSync(path)
    expect(exposed(config.keyFiles)).toEqual([])
  })

  test('is seen neither in the log nor in the looking glass', () => {
    const { config } = load(`[BGP_PEER:192.0.2.1]\nmd5_key_file = ${file('bgp.key')}\n`)
    const lines: string[] = []
    pino({}, { write: (line: string) => lines.push(line) }).info({ config: config.effective }, 'starting')
    for (const shown of [lines.join(), JSON.stringify(config.effective)]) {
      expect(shown).toContain(file('bgp.key'))
      expect(shown).not.toContain(KEY)
    }
  })

  test.each([
    ['none.key', (path: string) => `ENOENT: no such file or directory, open '${path}'`],
    ['empty.key', (path: string) => `${path} holds 0 octets, a key has 1 to 80`],
    ['long.key', (path: string) => `${path} holds 81 octets, a key has 1 to 80`],
    ['binary.key', (path: string) => `${path} is no text in UTF-8`],
  ])('%s is refused', (name, why) => {
    const path = file(name)
    expect(() => load(`md5_key_file = ${path}\n`)).toThrow(
      new ConfigError(
        `bgp.conf line 5: [BGP] md5_key_file = "${path}": ${why(path)}; expected the path of a file that holds a key, or none`,
      ),
    )
  })
})

test('a FIFO is no key, and is not waited for', () => {
  const path = fifo(KEY)
  expect(() => load(`md5_key_file = ${path}\n`)).toThrow(`${path} is no regular file; expected the path`)
})

describe('mistakes', () => {
  test('wrong values in a section stop the daemon with a line each', () => {
    expect(() => load('[BGP_PEER:192.0.2.2]\npassive = x\nmax_prefixes = -1\n')).toThrow(
      new ConfigError(
        'bgp.conf line 6: [BGP_PEER:192.0.2.2] passive = "x": expected true, false, yes, no, on, off, 1 or 0',
        'bgp.conf line 7: [BGP_PEER:192.0.2.2] max_prefixes = "-1": expected an integer from 1 to 4294967295, or none',
      ),
    )
  })

  test.each([
    [
      '[BGP_PEER:192.0.2.3]\npassive = true',
      'bgp.conf line 5: [BGP_PEER:192.0.2.3] is about none of [BGP] peers and reflector_clients (did you mean BGP_PEER:192.0.2.1?); it is ignored',
    ],
    [
      '[BGP_PEER:192.0.2.1]\nmax_prefix = 5',
      'bgp.conf line 6: unknown option [BGP_PEER:192.0.2.1] max_prefix (did you mean max_prefixes?); it is ignored',
    ],
    [
      '[BGP_PEER:192.0.2.1]\nmy_as = 5',
      'bgp.conf line 6: unknown option [BGP_PEER:192.0.2.1] my_as (it belongs in [BGP]); it is ignored',
    ],
    [
      'peers = 2001:db8::1',
      'bgp.conf line 5: [BGP] peers: 2001:db8::1 cannot be reached from 192.0.2.11: name an IPv6 local_address in [BGP_PEER:2001:db8::1]',
    ],
    [
      'reflector_clients = 192.0.2.0/24, 2001:db8::/64',
      'bgp.conf line 5: [BGP] reflector_clients: 2001:db8::/64 cannot connect to 192.0.2.11: name an IPv6 local_address in [BGP_PEER:2001:db8::/64]',
    ],
    [
      'listen = off\n[BGP_PEER:192.0.2.2]\npassive = true',
      'bgp.conf line 5: [BGP] listen = false: passive peer 192.0.2.2 cannot connect to this node: write listen = true',
    ],
    [
      'passive = true\nlisten = no\n[BGP_PEER:192.0.2.2]\npassive = false',
      'bgp.conf line 6: [BGP] listen = false: passive peer 192.0.2.1 cannot connect to this node: write listen = true',
    ],
    [
      'listen = 0\nreflector_clients = 10.0.0.0/8',
      'bgp.conf line 5: [BGP] listen = false: reflector_clients 10.0.0.0/8 cannot connect to this node: write listen = true',
    ],
  ])('%j', (text, warning) => {
    expect(load(text).warnings).toEqual([warning])
  })

  test('a misspelled section stops the daemon', () => {
    expect(() => load('[BGP_PEERS:192.0.2.1]\npassive = true\n')).toThrow(
      new ConfigError(
        'bgp.conf line 5: unknown section [BGP_PEERS:192.0.2.1] (did you mean BGP_PEER:192.0.2.1?): correct the name',
      ),
    )
  })
})
