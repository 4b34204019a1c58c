import { describe, expect, test } from 'vitest'
import { joinTexts, parseIni } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'

const INTERFACES = { eth0: [{ address: '192.0.2.7' }] }
const BASE = '[BGP]\nlocal_address = 192.0.2.1\nmy_as = 64512\n'

const check = (text: string) => checkConfig(parseIni(text, 'bgp.conf'), INTERFACES)
const messages = (text: string): string[] => check(text).findings.map(({ message }) => message)

describe('all that is wrong is found', () => {
  test('with line, value and what is allowed, in sections of every kind', () => {
    const { config, findings } = check(
      '[BGP]\nmy_as = x\npeers = 192.0.2.9\nhold_time = 2\n[BGP_PEER:192.0.2.9]\npassive = perhaps\n[API]\nport = y\n[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = linux\n',
    )
    expect(config).toBeNull()
    expect(findings.map(({ line, code, option, value }) => [line, code, option, value])).toEqual([
      [1, 'missing-option', 'local_address', null],
      [2, 'wrong-value', 'my_as', 'x'],
      [4, 'wrong-value', 'hold_time', '2'],
      [6, 'wrong-value', 'passive', 'perhaps'],
      [8, 'wrong-value', 'port', 'y'],
      [10, 'missing-option', 'mpls_interface', null],
    ])
    for (const { severity, allowed, file } of findings)
      expect({ severity, allowed, file }).toEqual({
        severity: 'error',
        allowed: expect.any(String),
        file: 'bgp.conf',
      })
  })

  test('of a peer, also where [BGP] is wrong', () => {
    expect(messages('[BGP_PEER:192.0.2.9]\npassive = perhaps\n[BGP]\nmy_as = 1\npeers = x')).toEqual([
      expect.stringContaining('line 2: [BGP_PEER:192.0.2.9] passive = "perhaps"'),
      expect.stringContaining('line 3: [BGP] local_address is missing'),
      expect.stringContaining('line 5: [BGP] peers = "x"'),
    ])
  })

  test('besides lines that cannot be read, in which the missing options may be', () => {
    expect(messages('[BGP]\nlocal_address 192.0.2.1\nmy_as = x\n')).toEqual([
      'bgp.conf line 2: "local_address 192.0.2.1" cannot be read: an option is written name = value',
      'bgp.conf line 3: [BGP] my_as = "x": expected an integer from 1 to 4294967295',
    ])
  })
})

describe('a misspelled name', () => {
  test('of a required option is found in its line, and its value read', () => {
    const text = '[BGP]\nlocal_address = 192.0.2.1\nmy_ass = 0\n'
    expect(messages(text)).toEqual([
      'bgp.conf line 3: [BGP] my_as is missing, my_ass is written here: correct the name',
      'bgp.conf line 3: [BGP] my_as = "0": expected an integer from 1 to 4294967295',
    ])
    expect(check(text).findings[0]).toMatchObject({ line: 3, suggestion: 'my_as', severity: 'error' })
  })

  test.each([
    ['the section of a driver', '[DATAPLANE_DRIVER_EVNP]\ndataplane_driver = linux\n', 4],
    ['an empty section', '[DATAPLANE_DRIVER_EVNP]\n', 4],
    ['the driver', '[DATAPLANE_DRIVER_EVPN]\ndataplane_drivr = linux\n', 5],
    ['the section of all that is required', '', 1],
  ])('of %s keeps the daemon from starting with a dummy', (_, text, line) => {
    const { config, findings } = check(text === '' ? BASE.replace('BGP', 'BPG') : BASE + text)
    expect(config).toBeNull()
    expect(findings).toMatchObject([{ severity: 'error', line, suggestion: expect.any(String) }])
  })

  test('of another option is a warning', () => {
    const { config, findings } = check(`${BASE}hold_tme = 9\n`)
    expect(findings).toMatchObject([{ severity: 'warning', code: 'unknown-option', suggestion: 'hold_time' }])
    expect(config?.warnings).toEqual(findings.map(({ message }) => message))
  })
})

describe('a text that may be a secret', () => {
  test('is not shown: a key where its file belongs', () => {
    const { findings } = check(`${BASE}md5_key_file = S3cret\n`)
    expect(findings).toMatchObject([
      {
        message:
          'bgp.conf line 4: [BGP] md5_key_file = (not shown): no such file, or no key in it; expected the path of a file that holds a key, or none',
        value: null,
      },
    ])
  })

  test('is not shown: the value of an unknown option', () => {
    expect(JSON.stringify(check(`${BASE}[database]\nconnection = mysql://u:S3cret@db\n`))).not.toContain(
      'S3cret',
    )
  })
})

test('an option that is given again later in the file is named, not one of another file', () => {
  const first = parseIni(`${BASE}hold_time = 9\nhold_time = 30\n`, 'a.conf')
  const text = joinTexts([first, parseIni('[bgp]\nhold_time = 60\n', 'b.conf')])
  const { findings, config } = checkConfig(text, INTERFACES)
  expect(findings).toMatchObject([
    { severity: 'note', message: 'a.conf line 4: [BGP] hold_time has no effect: line 5 gives it again' },
  ])
  expect(config?.effective['BGP']).toMatchObject({ hold_time: 60 })
})

test('in one file the name of an option counts before its older one, as with bagpipe-bgp; a later file wins with either', () => {
  const first = parseIni(`${BASE}[API]\nhost = 127.0.0.1\napi_host = 0.0.0.0\n`, 'a.conf')
  const alone = checkConfig(first, INTERFACES)
  expect(alone.config?.api.host).toBe('127.0.0.1')
  expect(alone.findings.map(({ message }) => message)).toEqual([
    'a.conf line 6: [API] api_host is deprecated: write host',
    'a.conf line 6: [API] api_host has no effect: line 5 gives it again',
  ])
  const second = parseIni('[API]\napi_host = ::1\n', 'b.conf')
  expect(checkConfig(joinTexts([first, second]), INTERFACES).config?.api.host).toBe('::1')
})

describe('values beside each other', () => {
  test.each([
    ['log_rotate_interval = 7\nlog_rotate_interval_type = weekday', 'a day from 0 (Monday) to 6 (Sunday)'],
    ['log_rotate_interval = 0', 'at least 1'],
  ])('%j', (text, allowed) => {
    const { findings } = check(`${BASE}[DEFAULT]\nlog_rotation_type = interval\n${text}\n`)
    expect(findings).toMatchObject([{ severity: 'error', option: 'log_rotate_interval', line: 6, allowed }])
  })

  test('a log_file that configures the logging of Python is ignored, as bagpipe-bgp does', () => {
    const { config, findings } = check(`${BASE}[DEFAULT]\nlog_file = /etc/bagpipe-bgp/log.conf\n`)
    expect(config?.log.file).toBeNull()
    expect(findings).toMatchObject([{ severity: 'warning', line: 5, option: 'log_file' }])
  })
})

describe('the settings in effect', () => {
  test('have the line that they are written in, or the option that they follow', () => {
    const { settings } = check(
      `${BASE}peers = 192.0.2.9\nhold_time = 9\n[BGP_PEER:192.0.2.9]\npassive = true\n[API]\napi_port = 1\n`,
    )
    const of = (section: string, option: string) => {
      const found = settings.find((one) => one.section === section && one.option === option)!
      return [found.value, found.position?.line ?? null, found.follows]
    }
    expect(of('BGP', 'my_as')).toEqual([64512, 3, null])
    expect(of('BGP', 'peers')).toEqual([['192.0.2.9'], 4, null])
    expect(of('BGP', 'listen')).toEqual([true, null, null])
    expect(of('BGP', 'router_id')).toEqual(['192.0.2.1', 2, '[BGP] local_address'])
    expect(of('API', 'port')).toEqual([1, 9, null])
    expect(of('BGP_PEER:192.0.2.9', 'passive')).toEqual([true, 7, null])
    expect(of('BGP_PEER:192.0.2.9', 'hold_time')).toEqual([9, 5, '[BGP] hold_time'])
    expect(of('BGP_PEER:192.0.2.9', 'add_path')).toEqual([true, null, '[BGP] add_path'])
    expect(of('BGP_PEER:192.0.2.9', 'peer_as')).toEqual([64512, 3, '[BGP] my_as'])
    expect(of('BGP_PEER:192.0.2.9', 'enabled')).toEqual([true, null, null])
    expect(of('BGP_PEER:192.0.2.9', 'reflector_client')).toEqual([false, null, '[BGP] reflector'])
    expect(of('DATAPLANE_DRIVER_EVPN', 'dataplane_local_address')).toEqual([
      '192.0.2.1',
      2,
      '[BGP] local_address',
    ])
  })
})
