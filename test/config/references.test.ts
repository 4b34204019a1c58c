import { describe, expect, test } from 'vitest'
import { parseIni, textOf } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'
import { REFERENCES, withReferences } from '../support/references.ts'
import { BASE } from './load-setup.ts'

const check = (text: string) => checkConfig(parseIni(text, 'bgp.conf'), {})
const errorsOf = (text: string) =>
  check(text).findings.flatMap(({ severity, message }) => (severity === 'error' ? [message] : []))

function given(text: string, section: string, option: string): string | undefined {
  return check(text).assignments.find((one) => one.section === section && one.option === option)?.value
}

const settingOf = (text: string, section: string, option: string) =>
  check(text).settings.find((one) => one.section === section && one.option === option)?.value

describe('a reference to another option', () => {
  test.each(REFERENCES)('%j, %j', (inDefault, inBgp, logFile, localAddress) => {
    const text = withReferences(inDefault, inBgp)
    if (logFile === null) expect(errorsOf(text)).toEqual([expect.stringContaining('[DEFAULT] log_file = ')])
    else expect(settingOf(text, 'DEFAULT', 'log_file')).toBe(logFile)
    if (localAddress !== 'D') expect(settingOf(text, 'BGP', 'local_address')).toBe(localAddress)
  })

  test('counts in lists and numbers, and is shown as what it stands for', () => {
    const vtep = `\${DATAPLANE_DRIVER_EVPN.dataplane_local_address}`
    const { config, settings } = check(
      `${BASE}hold_time = $connect_retry_time\nconnect_retry_time = 7\npeers = 192.0.2.8, ${vtep}\n`,
    )
    expect(config?.bgp.peers).toHaveLength(2)
    expect(settings.find(({ option }) => option === 'hold_time')?.value).toBe(7)
    expect(settings.find(({ option }) => option === 'peers')?.value).toEqual(['192.0.2.8', '192.0.2.1'])
  })

  test('is resolved once: what is read is the same when a reload reads it again', () => {
    const { assignments } = check(`${BASE}[DEFAULT]\nlog_dir = /var/$$log\nlog_file = $log_dir/$$x\n`)
    const again = checkConfig(textOf(assignments), {})
    expect(again.findings).toEqual([])
    expect(again.config?.log).toMatchObject({ file: '/var/$log/$x' })
  })

  test('of a peer is to an option of its section, else of [BGP]', () => {
    const text = `${BASE}peers = 192.0.2.8\nhold_time = 30\n[BGP_PEER:192.0.2.8]\nconnect_retry_time = $hold_time\n`
    expect(given(text, 'BGP_PEER:192.0.2.8', 'connect_retry_time')).toBe('30')
  })

  test.each([
    [
      `${BASE}hold_time = $nothing\n`,
      'bgp.conf line 4: [BGP] hold_time = "$nothing": there is no option nothing in [BGP] or [DEFAULT]; a dollar sign is written $$',
    ],
    [
      `${BASE}hold_time = $DEFAULT.nothing\n`,
      'bgp.conf line 4: [BGP] hold_time = "$DEFAULT.nothing": there is no option nothing in [DEFAULT]; a dollar sign is written $$',
    ],
    [
      `[DEFAULT]\nlog_file = $nothing\n${BASE}`,
      'bgp.conf line 2: [DEFAULT] log_file = "$nothing": there is no option nothing in [DEFAULT]; a dollar sign is written $$',
    ],
    [
      '[BGP]\nmy_as = 64512\nlocal_address = $address\n',
      'bgp.conf line 3: [BGP] local_address = "$address": there is no option address in [BGP] or [DEFAULT]; a dollar sign is written $$',
    ],
  ])('that leads nowhere is one error: %j', (text, error) => {
    expect(errorsOf(text)).toEqual([error])
  })

  test('in a circle is an error of each option in it', () => {
    const text = `${BASE}[DEFAULT]\nlog_dir = $log_file\nlog_file = $log_dir/x\n`
    expect(errorsOf(text)).toEqual([
      expect.stringContaining(
        '[DEFAULT] log_dir = "$log_file": the value of [DEFAULT] log_dir refers to itself',
      ),
      expect.stringContaining(
        '[DEFAULT] log_file = "$log_dir/x": the value of [DEFAULT] log_file refers to itself',
      ),
    ])
  })
})
