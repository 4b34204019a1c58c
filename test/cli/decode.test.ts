import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { chanter, type Outcome } from '../support/cli.ts'
import { temporaryFiles } from '../support/files.ts'
import { AS_PATH, attribute, LOCAL_PREF, MP_REACH, ORIGIN, update } from '../support/update-bytes.ts'

const FIXTURES = fileURLToPath(new URL('../../fixtures/decode/', import.meta.url))
const RECORDED = fileURLToPath(new URL('../../fixtures/bgp/recorded/', import.meta.url))
const KEEPALIVE = `${'f'.repeat(32)}001304`

/** `chanter decode` with something on its standard input. */
async function piped(input: string | Buffer, ...args: readonly string[]): Promise<Outcome> {
  const stdin = vi.spyOn(process, 'stdin', 'get')
  stdin.mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin)
  try {
    return await chanter('decode', ...args)
  } finally {
    stdin.mockRestore()
  }
}

const json = async (...args: readonly string[]) =>
  JSON.parse((await chanter('decode', '--json', ...args)).output)

const jsonLines = (output: string) =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

describe('the text and the JSON of', () => {
  const inputs = readdirSync(FIXTURES).filter((name) => /\.(hex|pcap|pcapng)$/.test(name))

  test('every kind of message and capture', () => expect(inputs.length).toBe(10))

  test.each(inputs)('%s', async (name) => {
    for (const [ending, args] of [
      ['txt', []],
      ['json', ['--json']],
    ] as const) {
      const { output, error, exitCode } = await chanter('decode', ...args, join(FIXTURES, name))
      expect(error).toBeUndefined()
      expect(exitCode).toBe(name === 'malformed.hex' ? 2 : undefined)
      const golden = join(FIXTURES, `${name}.${ending}`)
      if (process.env['UPDATE_FIXTURES'] || !existsSync(golden)) writeFileSync(golden, output)
      expect(output).toBe(readFileSync(golden, 'utf8'))
    }
  })
})

describe('recorded messages', () => {
  test.each(readdirSync(RECORDED).filter((name) => name.endsWith('.hex')))('%s', async (name) => {
    const [kind] = /OPEN|UPDATE|KEEPALIVE/.exec(name) ?? []
    const [message, ...others] = await json(join(RECORDED, name))
    expect(message).toMatchObject({ type: kind, verdict: null, errors: [] })
    expect(others).toEqual([])
    if (kind === 'UPDATE') {
      const [list, none] = name.includes('announce') ? ['reach', 'unreach'] : ['unreach', 'reach']
      expect(message[list]).toMatchObject([{ nlri: [expect.anything()] }])
      expect(message[none]).toEqual([])
      expect(message.end_of_rib).toBeNull()
    }
  })
})

test('a capture without BGP is reported in a line', async () => {
  const { output, exitCode } = await chanter('decode', '--port', '1790', join(FIXTURES, 'cooked.pcap'))
  expect(output).toMatch(/^no TCP segment of port 1790 in \d+ packets\n$/)
  expect(exitCode).toBe(2)
})

describe('hex is read', () => {
  const spelled = KEEPALIVE.match(/../g)!
  test.each([
    ['without separators', [KEEPALIVE]],
    ['in upper case', [KEEPALIVE.toUpperCase()]],
    ['behind 0x', [`0x${KEEPALIVE}`]],
    ['with 0x before every octet', [spelled.map((octet) => `0x${octet}`).join(', ')]],
    ['with colons', [spelled.join(':')]],
    ['with spaces', [spelled.join(' ')]],
    ['as an argument for each octet', spelled],
    ['as several arguments', [KEEPALIVE.slice(0, 20), KEEPALIVE.slice(20)]],
  ])('%s', async (_, args) => {
    expect((await chanter('decode', ...args)).output).toBe('KEEPALIVE, 19 bytes\n')
  })

  test('from standard input, in several messages', async () => {
    const { output, exitCode } = await piped(`${KEEPALIVE}\n\n${spelled.join(' ')}\n${KEEPALIVE} `)
    expect(output).toMatch(/\n3 KEEPALIVE; nothing malformed\n$/)
    expect(exitCode).toBeUndefined()
  })

  test('from a file, whose name --file takes too', async () => {
    const file = join(temporaryFiles({ 'one.hex': KEEPALIVE }), 'one.hex')
    expect((await chanter('decode', file)).output).toBe('KEEPALIVE, 19 bytes\n')
    expect((await chanter('decode', '-f', file)).output).toBe('KEEPALIVE, 19 bytes\n')
  })

  test('from several inputs, which are named', async () => {
    const file = join(temporaryFiles({ 'one.hex': KEEPALIVE }), 'one.hex')
    const { output } = await chanter('decode', '--jsonl', KEEPALIVE, file, KEEPALIVE)
    expect(jsonLines(output).map((message) => message.file)).toEqual([undefined, file, undefined])
  })
})

describe('raw bytes are read', () => {
  test('from standard input', async () => {
    const { output } = await piped(Buffer.from(KEEPALIVE.repeat(2), 'hex'), '--json')
    expect(JSON.parse(output)).toMatchObject([
      { offset: 0, type: 'KEEPALIVE' },
      { offset: 19, type: 'KEEPALIVE' },
    ])
  })

  test('and reported if they are no messages', async () => {
    const { output, exitCode } = await piped(Buffer.from(`00${KEEPALIVE}0102`, 'hex'), '--json')
    expect(JSON.parse(output)).toMatchObject([
      { type: 'NOTE', reason: '1 bytes in front of the first marker', bytes: '00' },
      { type: 'KEEPALIVE' },
      { type: 'NOTE', reason: '2 bytes behind the last message', bytes: '0102' },
    ])
    expect(exitCode).toBe(2)
  })
})

describe('session facts', () => {
  const path = (asns: string) =>
    update(MP_REACH + ORIGIN + attribute(0x40, 2, asns) + LOCAL_PREF).toString('hex')
  const TWO = path('0201fc00')
  const FOUR = path('02010000fc00')
  const EXTERNAL = update(MP_REACH + ORIGIN + attribute(0x40, 2, '02010000fc00')).toString('hex')

  test.each([
    ['4-octet AS numbers', [FOUR], null],
    ['the same, by an option', [FOUR, '--as4'], null],
    ['2-octet AS numbers where 4 are expected', [TWO], 'treat-as-withdraw'],
    ['2-octet AS numbers', [TWO, '--no-as4'], null],
    ['LOCAL_PREF on an internal session', [FOUR, '--ibgp'], null],
    ['LOCAL_PREF on an external one', [FOUR, '--ebgp'], 'discard'],
    ['a path without LOCAL_PREF', [EXTERNAL], null],
    ['the same on an internal session', [EXTERNAL, '--ibgp'], 'treat-as-withdraw'],
  ])('%s', async (_, args, verdict) => {
    const [message] = await json(...args)
    expect(message.verdict).toBe(verdict)
  })

  test('path identifiers', async () => {
    const [, nlri = ''] = /^800e..001946040a00000100(.*)$/.exec(MP_REACH) ?? []
    const reach = attribute(0x80, 14, `001946040a0000010000000007${nlri}`)
    const message = update(reach + ORIGIN + AS_PATH + LOCAL_PREF).toString('hex')
    expect((await json(message, '--add-path', 'l2vpn/evpn'))[0].reach[0].nlri).toMatchObject([
      { path_id: 7, route_type: 3, route: 'inclusive multicast', rd: '10.0.0.1:7' },
    ])
    expect((await json(message))[0].verdict).not.toBeNull()
  })

  test('long messages', async () => {
    const long = update(MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF + attribute(0xd0, 99, '00'.repeat(5000)))
    expect((await json(long.toString('hex')))[0]).toMatchObject({
      type: 'UNREAD',
      verdict: 'reset',
      errors: [{ notification: { code: 1, subcode: 2 } }],
    })
    expect((await json(long.toString('hex'), '--extended'))[0]).toMatchObject({
      type: 'UPDATE',
      verdict: null,
    })
  })
})

describe('--jsonl', () => {
  const message = update(MP_REACH + ORIGIN + attribute(0x40, 2, '0201fc00') + LOCAL_PREF).toString('hex')

  test('answers line by line, whatever is in them', async () => {
    const lines = [
      KEEPALIVE,
      JSON.stringify(KEEPALIVE),
      JSON.stringify({ hex: message, as4: false }),
      JSON.stringify({ hex: message, ibgp: false, extended: true, add_path: ['l2vpn/evpn'] }),
      '',
      '{"hex": 1}',
      '{"hex": "00", "as": 4}',
      '{"hex": "", "add_path": ["evpn"]}',
      '{',
      'zz',
      KEEPALIVE + KEEPALIVE,
    ]
    const { output, exitCode, error } = await piped(`${lines.join('\n')}\n`, '--jsonl')
    expect(error).toBeUndefined()
    expect(exitCode).toBe(2)
    expect(jsonLines(output)).toMatchObject([
      { line: 1, type: 'KEEPALIVE' },
      { line: 2, type: 'KEEPALIVE' },
      { line: 3, type: 'UPDATE', verdict: null },
      { line: 4, type: 'UPDATE', verdict: 'reset' },
      { line: 6, type: 'NOTE', reason: expect.stringContaining('hex') },
      { line: 7, type: 'NOTE', reason: expect.stringContaining('"as"') },
      { line: 8, type: 'NOTE', reason: expect.stringContaining('unknown family evpn') },
      { line: 9, type: 'NOTE', reason: 'not JSON' },
      { line: 10, type: 'NOTE', reason: 'not hex: "zz"' },
      { line: 11, type: 'KEEPALIVE' },
      { line: 11, type: 'KEEPALIVE', offset: 19 },
    ])
  })

  test('takes the command line’s facts where a line has none', async () => {
    const lines = `${message}\n{"hex": "${message}", "as4": true}\n`
    const { output } = await piped(lines, '--jsonl', '--no-as4')
    expect(jsonLines(output).map(({ verdict }) => verdict)).toEqual([null, 'treat-as-withdraw'])
  })

  test('writes a capture’s messages', async () => {
    const { output } = await chanter('decode', '--jsonl', join(FIXTURES, 'cooked.pcap'))
    expect(jsonLines(output)[0]).toMatchObject({ frame: 4, source: '10.77.0.1:179', type: 'OPEN' })
  })
})

describe('wrong usage', () => {
  test.each([
    [['nothing-there.pcap'], 'neither a file nor hex: "nothing-there.pcap"'],
    [['fff'], 'an odd number of hex digits: "fff"'],
    [['--add-path', 'l2vpn/evnp', KEEPALIVE], 'unknown family l2vpn/evnp (did you mean l2vpn/evpn?)'],
    [['--add-path', 'x', KEEPALIVE], expect.stringContaining('unknown family x (one of ipv4/unicast, ')],
    [['--as4', '--no-as4', KEEPALIVE], expect.stringContaining('mutually exclusive')],
    [['--json', '--jsonl', KEEPALIVE], '--json or --jsonl, not both'],
    [['--file', '/nowhere', KEEPALIVE], expect.stringContaining('cannot read /nowhere: ')],
    [['--jsn', KEEPALIVE], expect.stringContaining('did you mean --json?')],
  ])('%j', async (args, complaint) => {
    const { output, error } = await chanter('decode', ...args)
    expect(error).toEqual(complaint)
    expect(output).toBe('')
  })

  test('nothing at all', async () => {
    expect((await piped('')).error).toBe('nothing to decode in the input')
    expect((await piped('hello')).error).toBe('not hex: "hello"')
  })
})

describe('whatever comes in', () => {
  test('it is answered: bytes', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets))
    const framed = bytes.map((octets) => Buffer.concat([Buffer.from('ff'.repeat(16), 'hex'), octets]))
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(bytes, framed),
        fc.constantFrom('--json', '--jsonl', '--as4'),
        async (input, option) => {
          const { output, error, exitCode } = await piped(input, option)
          if (error === undefined) expect([2, undefined]).toContain(exitCode)
          else
            expect([error.split(':')[0], output]).toEqual([
              expect.stringMatching(/^(not hex|an odd number|nothing)/),
              '',
            ])
        },
      ),
      { numRuns: 60 },
    )
  })

  test('it is answered: lines', async () => {
    const line = fc.oneof(
      fc.json(),
      fc.string(),
      fc.record({ hex: fc.string(), as4: fc.boolean() }).map((one) => JSON.stringify(one)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line), async (lines) => {
        const input = lines.map((one) => one.replace(/[^ -~]/g, '?')).join('\n')
        const { output, error } = await piped(input, '--jsonl')
        expect(error).toBeUndefined()
        expect(() => jsonLines(output)).not.toThrow()
      }),
      { numRuns: 40 },
    )
  })
})
