import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'
import { configSchema, optionsOf } from '../../src/config/schema.ts'

const INTERFACES = { eth0: [{ address: '192.0.2.7' }] }

const known = [...optionsOf(configSchema(INTERFACES))]
const word = fc.string({ maxLength: 12 })
const sections = fc.constantFrom(
  ...known.map(([section]) => section),
  'BGP_PEER:192.0.2.9',
  'BGP_PEER:10.0.0.0/8',
  'privsep',
  'database',
)
const options = fc.constantFrom(...known.flatMap(([, names]) => [...names.keys()]))
const values = fc.oneof(
  word,
  fc.constantFrom(
    '192.0.2.9',
    '2001:db8::9',
    'eth0',
    '64512',
    'linux',
    'dummy',
    'true',
    'none',
    '10.0.0.0/8',
    'interval',
    '*gre*',
    '0',
    '',
  ),
)
/** A text with two of its characters swapped, which `at` selects. */
function withTypo(text: string, at: number): string {
  const first = at % Math.max(1, text.length - 1)
  return text.slice(0, first) + (text[first + 1] ?? '') + (text[first] ?? '') + text.slice(first + 2)
}

const misspelled = (name: fc.Arbitrary<string>) =>
  fc.tuple(name, fc.nat(), fc.boolean()).map(([text, at, typo]) => (typo ? withTypo(text, at) : text))
const line = fc.oneof(
  { weight: 2, arbitrary: misspelled(sections).map((name) => `[${name}]`) },
  {
    weight: 6,
    arbitrary: fc.tuple(misspelled(options), values).map(([name, value]) => `${name} = ${value}`),
  },
  { weight: 1, arbitrary: fc.string() },
)
const REQUIRED = ['[BGP]', 'local_address = eth0', 'my_as = 64512', 'peers = 192.0.2.9']
const ini = fc
  .tuple(fc.boolean(), fc.array(line, { maxLength: 15 }))
  .map(([complete, lines]) => [...(complete ? REQUIRED : []), ...lines].join('\n'))

test('no text stops the check, and each finding has a line of the file', () => {
  const outcomes = { accepted: 0, refused: 0 }
  fc.assert(
    fc.property(ini, (text) => {
      const { config, findings } = checkConfig(parseIni(text, 'bgp.conf'), INTERFACES)
      const isWrong = findings.some(({ severity }) => severity === 'error')
      expect(config !== null || isWrong).toBe(true)
      outcomes[isWrong ? 'refused' : 'accepted']++
      for (const { file, line, message } of findings) {
        expect(file).toBe('bgp.conf')
        expect(line).toBeGreaterThanOrEqual(1)
        expect(line).toBeLessThanOrEqual(text.split('\n').length)
        expect(message.startsWith(`bgp.conf line ${line}: `)).toBe(true)
        expect(message).not.toContain('\n')
      }
    }),
    { numRuns: 300 },
  )
  expect(Math.min(outcomes.accepted, outcomes.refused)).toBeGreaterThan(50)
})

test('every option in a text is in effect, or a finding tells why not', () => {
  fc.assert(
    fc.property(ini, (text) => {
      const parsed = parseIni(text, 'bgp.conf')
      const { findings, settings } = checkConfig(parsed, INTERFACES)
      const inEffect = new Set(settings.map(({ position }) => position?.line))
      const named = new Set(findings.map((one) => one.line))
      for (const { section, line } of parsed.assignments) {
        const header = parsed.headers.findLast((one) => one.section === section && one.line! < line!)
        expect(inEffect.has(line) || named.has(line) || named.has(header!.line)).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})
