import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'
import { filledIn } from '../support/bagpipe-options.ts'

const INTERFACES = { eth0: [{ address: '192.0.2.7' }] }
const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/bagpipe-bgp/${name}`, import.meta.url), 'utf8')

// options.conf is what oslo.config generates (test/interop/config.test.ts compares it); the others are written by bagpipe-bgp's
// package and by its devstack plugin, with systemd and without.
describe.each(['options.conf', 'template.conf', 'devstack.conf'])('%s', (name) => {
  const text = parseIni(filledIn(fixture(name)), name)
  const { config, findings, settings } = checkConfig(text, INTERFACES)

  test('is accepted as it is', () => {
    expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([])
    expect(config).not.toBeNull()
  })

  test('has no option that is neither honoured nor named as not applicable', () => {
    const honoured = new Set(settings.map(({ position }) => position?.line))
    const named = new Map(findings.map((one) => [one.line, one]))
    expect(text.assignments.length).toBeGreaterThan(10)
    for (const { option, line } of text.assignments) {
      if (honoured.has(line!)) continue
      expect(named.get(line)?.message ?? option).toMatch(/ is not applicable: \w+| has no effect: line /)
    }
  })
})

test('the driver, peers and addresses that devstack writes are in effect', () => {
  const { config } = checkConfig(parseIni(fixture('devstack.conf'), 'bgp.conf'), INTERFACES)
  expect(config).toMatchObject({
    evpn: { driver: 'linux' },
    ipvpn: { driver: 'dummy' },
    api: { host: '127.0.0.1', port: 8082 },
    serves: { evpn: true, ipvpn: true },
    log: { debug: true, journal: true },
  })
  expect(config?.bgp.peers).toHaveLength(1)
})
