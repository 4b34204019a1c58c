import { describe, expect, test } from 'vitest'
import { VERSION } from '../../src/version.ts'
import { chanter } from '../support/cli.ts'

test('--version', async () => {
  expect(await chanter('--version')).toMatchObject({ output: `${VERSION}\n`, error: undefined })
})

test('--help names every command', async () => {
  const { output } = await chanter('--help')
  for (const name of [
    'daemon',
    'attach',
    'detach',
    'status',
    'explain',
    'peer',
    'looking-glass',
    'config',
    'cleanup',
    'demo',
  ])
    expect(output).toContain(`chanter ${name} `)
})

describe('--help of each command has its options and an example', () => {
  test.each([
    ['daemon', '--config-file'],
    ['attach', '--vpn-instance-id'],
    ['detach', '--vpn-instance-id'],
    ['status', '--verify'],
    ['status', '--settings'],
    ['explain', '--instance'],
    ['peer', '--reason'],
    ['looking-glass', '--recurse'],
    ['config', '--running'],
    ['cleanup', '--dry-run'],
    ['demo', '--keep'],
  ])('%s', async (name, option) => {
    const { output, error } = await chanter(name, '--help')
    expect(error).toBeUndefined()
    expect(output).toContain(option)
    expect(output).toMatch(new RegExp(`Examples:\\n  chanter ${name}`))
  })
})

test.each([
  [
    [],
    'which command? one of daemon, reload, attach, detach, status, explain, peer, looking-glass, decode, reflector, config, cleanup, demo; see chanter --help',
  ],
  [
    ['lookingglass'],
    'unknown command or option lookingglass (did you mean looking-glass?); see chanter --help',
  ],
  [['--verbose'], 'unknown command or option --verbose; see chanter --help'],
  [
    ['daemon', '--confg-file', 'a'],
    'unknown option --confg-file (did you mean --config-file?); see chanter daemon --help',
  ],
  [['daemon', 'now'], 'Unknown argument: now; see chanter daemon --help'],
  [['demo', '--kep'], 'unknown option --kep (did you mean --keep?); see chanter demo --help'],
])('%j is refused', async (args, error) => {
  expect(await chanter(...args)).toMatchObject({ error, output: '' })
})
