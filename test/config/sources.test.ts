import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEnvironment, variableOf } from '../../src/config/environment.ts'
import { ConfigError } from '../../src/config/finding.ts'
import { interpret } from '../../src/config/load.ts'
import { configSchema, optionsOf } from '../../src/config/schema.ts'
import { type ConfigSource, readSources } from '../../src/config/sources.ts'
import { fifo, temporaryFiles } from '../support/files.ts'

const files = {
  'a.conf': '[A]\nx=a',
  'b.conf': '[A]\nx=b',
  '20.conf': '[A]\nx=20',
  '3.conf': '[A]\nx=3',
  'c.txt': '[A]\nx=c',
}

function values(sources: readonly ConfigSource[], defaultFile?: string): string[] {
  return readSources(sources, defaultFile).assignments.map(({ value }) => value)
}

test('files are read in order', () => {
  const directory = temporaryFiles(files)
  const file = (name: string): ConfigSource => ({ kind: 'file', path: join(directory, name) })
  expect(values([file('b.conf'), file('a.conf')])).toEqual(['b', 'a'])
})

test('the *.conf of a directory are read in the order of their names', () => {
  const directory = temporaryFiles(files)
  expect(values([{ kind: 'directory', path: directory }], '/nowhere')).toEqual(['20', '3', 'a', 'b'])
})

test('the default file comes first, unless a file is named', () => {
  const directory = temporaryFiles(files)
  const fallback = join(directory, 'c.txt')
  expect(values([], fallback)).toEqual(['c'])
  expect(values([{ kind: 'directory', path: directory }], fallback)).toEqual(['c', '20', '3', 'a', 'b'])
  expect(values([{ kind: 'file', path: join(directory, 'a.conf') }], fallback)).toEqual(['a'])
})

describe('the directory that bagpipe-bgp reads by default', () => {
  const places = ['own/bagpipe-bgp.conf.d', 'bagpipe-bgp.conf.d']
  const files = { 'own/bgp.conf': '[A]\nx=default', 'other.conf': '[A]\nx=named', 'd/a.conf': '[A]\nx=d' }
  const inPlaces = (...some: readonly string[]) =>
    temporaryFiles({ ...files, ...Object.fromEntries(some.map((one) => [`${one}/1.conf`, `[A]\nx=${one}`])) })

  test.each(places)('is %s beside the default file, and wins over that', (place) => {
    expect(values([], join(inPlaces(place), 'own/bgp.conf'))).toEqual(['default', place])
  })

  test('is the first of them', () => {
    expect(values([], join(inPlaces(...places), 'own/bgp.conf'))).toEqual(['default', places[0]])
  })

  test('comes before a file that is named, and is not read where a directory is named', () => {
    const directory = inPlaces(...places)
    const file: ConfigSource = { kind: 'file', path: join(directory, 'other.conf') }
    const named: ConfigSource = { kind: 'directory', path: join(directory, 'd') }
    const fallback = join(directory, 'own/bgp.conf')
    expect(values([file], fallback)).toEqual([places[0], 'named'])
    expect(values([named], fallback)).toEqual(['default', 'd'])
  })

  test('is enough without the default file', () => {
    expect(values([], join(inPlaces('own/bagpipe-bgp.conf.d'), 'own/nothing.conf'))).toEqual([places[0]])
  })
})

test.each([
  [
    [],
    'no configuration: /nowhere/bgp.conf does not exist: write it ([BGP] local_address and my_as are enough to start), name another file with --config-file, or set CHANTER_LOCAL_ADDRESS and CHANTER_MY_AS',
  ],
  [[{ kind: 'file', path: '/nowhere/a' }], 'configuration file /nowhere/a does not exist: check its path'],
  [[{ kind: 'file', path: '/etc' }], 'configuration file /etc is no regular file: check its path'],
  [
    [{ kind: 'directory', path: '/nowhere' }],
    'configuration directory /nowhere does not exist: check its path',
  ],
] as const)('%j cannot be read', (sources, message) => {
  expect(() => readSources(sources, '/nowhere/bgp.conf')).toThrow(new ConfigError(message))
})

test('a FIFO is no configuration file, and /dev/null is an empty one', () => {
  const path = fifo('[A]\nx=a')
  const refusal = `configuration file ${path} is no regular file: check its path`
  expect(() => values([{ kind: 'file', path }])).toThrow(new ConfigError(refusal))
  expect(values([{ kind: 'file', path: '/dev/null' }])).toEqual([])
})

describe('the environment', () => {
  test('gives every option by its section and name, those of [BGP] also by their name alone', () => {
    const variables = {
      CHANTER_MY_AS: '64512',
      CHANTER_BGP__PEERS: '192.0.2.1',
      CHANTER_DEFAULT__STATE_FILE: '',
      'CHANTER_BGP_PEER:192.0.2.1__PEER_AS': '64513',
    }
    const { assignments } = readSources([], '/nowhere', variables)
    expect(assignments.map(({ section, option, value }) => [section, option, value])).toEqual([
      ['BGP', 'my_as', '64512'],
      ['BGP', 'peers', '192.0.2.1'],
      ['DEFAULT', 'state_file', ''],
      ['BGP_PEER:192.0.2.1', 'peer_as', '64513'],
    ])
  })

  test('wins over files, and is enough without one', () => {
    const directory = temporaryFiles({ 'bgp.conf': '[BGP]\nlocal_address=192.0.2.11\nmy_as=1' })
    const variables = { CHANTER_BGP__MY_AS: '64512' }
    const asOf = (file: string, others = {}) =>
      interpret(readSources([], file, { ...variables, ...others })).config.bgp.asNumber
    expect(asOf(join(directory, 'bgp.conf'))).toBe(64512)
    expect(asOf('/nowhere', { CHANTER_LOCAL_ADDRESS: '192.0.2.11' })).toBe(64512)
  })

  test('reaches every option of every section', () => {
    for (const [section, options] of optionsOf(configSchema({})))
      for (const option of options.keys())
        expect(readEnvironment({ [variableOf(section, option)]: 'x' })).toMatchObject([{ section, option }])
  })

  test('of oslo.config gives the options that there are, over which ours win', () => {
    const variables = {
      OS_BGP__MY_AS: '1',
      OS_DEFAULT__LOG_FILE: '/a',
      OS_AUTH_URL: 'http://192.0.2.1',
      OS_DATABASE__CONNECTION: 'mysql://',
      OS_BGP__peers: '192.0.2.1',
      CHANTER_BGP__MY_AS: '2',
    }
    const { assignments } = readSources([], '/nowhere', variables)
    expect(assignments.map(({ section, option, value, file }) => [section, option, value, file])).toEqual([
      ['BGP', 'my_as', '1', 'environment variable OS_BGP__MY_AS'],
      ['DEFAULT', 'log_file', '/a', 'environment variable OS_DEFAULT__LOG_FILE'],
      ['BGP', 'my_as', '2', 'environment variable CHANTER_BGP__MY_AS'],
    ])
  })

  test('of Kubernetes for a Service of our name gives nothing', () => {
    const names = [
      'SERVICE_HOST',
      'SERVICE_PORT',
      'SERVICE_PORT_HTTP',
      'PORT',
      'PORT_8082_TCP',
      'PORT_8082_TCP_ADDR',
    ]
    const links = Object.fromEntries(names.map((name) => [`CHANTER_${name}`, 'tcp://10.0.0.1:8082']))
    expect(readEnvironment(links)).toEqual([])
    expect(readEnvironment({ CHANTER_PORT: '8083' })).toHaveLength(1)
  })

  test('is named where a section or a required option is misspelled', () => {
    const variables = { CHANTER_MY_ASS: '1', CHANTER_DATAPLANE_DRIVER_EVNP__DATAPLANE_DRIVER: 'linux' }
    const read = () =>
      interpret(readSources([], '/nowhere', { CHANTER_LOCAL_ADDRESS: '192.0.2.11', ...variables }))
    expect(read).toThrow(
      new ConfigError(
        'environment variable CHANTER_DATAPLANE_DRIVER_EVNP__DATAPLANE_DRIVER: unknown section [DATAPLANE_DRIVER_EVNP] (did you mean DATAPLANE_DRIVER_EVPN?): correct the name',
        'environment variable CHANTER_MY_ASS: [BGP] my_as is missing, my_ass is written here: correct the name',
      ),
    )
  })

  test('is named where it is wrong', () => {
    const variables = { CHANTER_LOCAL_ADDRESS: '192.0.2.11', CHANTER_MY_AS: 'x', CHANTER_PEER: '' }
    expect(() => interpret(readSources([], '/nowhere', variables))).toThrow(
      'environment variable CHANTER_MY_AS: [BGP] my_as = "x": expected an integer',
    )
    expect(interpret(readSources([], '/nowhere', { ...variables, CHANTER_MY_AS: '1' })).warnings).toEqual([
      'environment variable CHANTER_PEER: unknown option [BGP] peer (did you mean peers?); it is ignored',
    ])
    expect(() => interpret(readSources([], '/nowhere', { CHANTER_MY_AS: '1' }))).toThrow(
      'environment variable CHANTER_MY_AS: [BGP] local_address is missing: expected an IPv4 or IPv6 address',
    )
  })
})
