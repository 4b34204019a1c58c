import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { chanter } from '../support/cli.ts'
import { temporaryFiles } from '../support/files.ts'
import { serve } from '../support/http.ts'

const GOOD = '[BGP]\nlocal_address = 192.0.2.11\nmy_as = 64512\n'

/** `chanter config ACTION` with a file of that text. */
async function config(action: string, text: string, ...args: readonly string[]) {
  const directory = temporaryFiles({ 'bgp.conf': text })
  const file = join(directory, 'bgp.conf')
  const outcome = await chanter('config', action, file, ...args)
  return { ...outcome, output: outcome.output.replaceAll(directory, ''), directory }
}

describe('config check', () => {
  test('lists what is wrong, the worst first', async () => {
    const text = `${GOOD}hold_tme = 9\nhold_time = x\n[COMMON]\nroot_helper = sudo\n`
    const { output, exitCode } = await config('check', text)
    expect(output.split('\n')).toEqual([
      'error: /bgp.conf line 5: [BGP] hold_time = "x": expected 0 (no keepalives) or a number of seconds from 3 to 65535',
      'warning: /bgp.conf line 4: unknown option [BGP] hold_tme (did you mean hold_time?); it is ignored',
      'note: /bgp.conf line 7: [COMMON] root_helper is not applicable: the kernel is programmed through netlink, without commands',
      '1 error, 1 warning, 1 note',
      '',
    ])
    expect(exitCode).toBe(1)
  })

  test('warnings alone leave the exit code at 0', async () => {
    const { output, exitCode } = await config('check', `${GOOD}hold_tme = 9\n`)
    expect(output).toMatch(/^warning: .*\n0 errors, 1 warning, 0 notes\n$/)
    expect(exitCode).toBe(process.exitCode)
  })

  test('prints JSON, errors and warnings apart', async () => {
    const { output, exitCode } = await config(
      'check',
      '[BGP]\nlocal_address = 192.0.2.11\nmy_ass = 1\nfoo = 2',
      '--json',
    )
    expect(JSON.parse(output)).toEqual({
      ok: false,
      errors: [
        {
          severity: 'error',
          code: 'missing-option',
          file: '/bgp.conf',
          line: 3,
          section: 'BGP',
          option: 'my_as',
          value: null,
          allowed: 'an integer from 1 to 4294967295',
          suggestion: 'my_as',
          message: '/bgp.conf line 3: [BGP] my_as is missing, my_ass is written here: correct the name',
        },
      ],
      warnings: [expect.objectContaining({ code: 'unknown-option', line: 4, option: 'foo', value: '2' })],
      notes: [],
    })
    expect(exitCode).toBe(1)
  })

  test('names each key that every user can read, at the option with its file, as the daemon does', async () => {
    const files = temporaryFiles({ 'a.key': 'correct horse', 'b.key': 'battery staple', 'c.key': 'no more' })
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(files, `${name}.key`)) as [string, string, string]
    for (const [path, mode] of [
      [a, 0o644],
      [b, 0o604],
      [c, 0o640],
    ] as const)
      chmodSync(path, mode)
    const peers = `peers = 192.0.2.1, 192.0.2.2, 192.0.2.3\nmd5_key_file = ${a}\n[BGP_PEER:192.0.2.1]\nhold_time = 9\n`
    const own = `[BGP_PEER:192.0.2.2]\nmd5_key_file = ${b}\n[BGP_PEER:192.0.2.3]\nmd5_key_file = ${c}\n`
    const { output, exitCode } = await config('check', GOOD + peers + own)
    const words = (path: string) =>
      `every user of this machine can read the key in ${path}: chmod o-rwx ${path}, and change the key`
    expect(output).toBe(
      `warning: /bgp.conf line 5: ${words(a)}\nwarning: /bgp.conf line 9: ${words(b)}\n0 errors, 2 warnings, 0 notes\n`,
    )
    expect(exitCode).toBe(process.exitCode)
  })

  test('a file that cannot be read: exit code 2', async () => {
    const complaint = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const { exitCode, output } = await chanter('config', 'check', '/nowhere/bgp.conf')
    expect(complaint.mock.calls).toEqual([
      ['chanter: configuration file /nowhere/bgp.conf does not exist: check its path\n'],
    ])
    complaint.mockRestore()
    expect([exitCode, output]).toEqual([2, ''])
  })
})

describe('config show', () => {
  test('has the value of each option, and where it is written', async () => {
    const directory = temporaryFiles({ 'bgp.key': 'S3cret' })
    const text = `${GOOD}md5_key_file = ${directory}/bgp.key\npeers = 192.0.2.1, 192.0.2.2\n`
    vi.stubEnv('CHANTER_API__PORT', '8083')
    const { output, exitCode } = await config('show', text, '--debug')
    vi.unstubAllEnvs()
    expect(exitCode).toBe(process.exitCode)
    const lines = output.split('\n').map((line) => line.split(/ {2,}/))
    expect(lines).toContainEqual(['local_address', '192.0.2.11', '/bgp.conf line 2'])
    expect(lines).toContainEqual(['router_id', '192.0.2.11', '/bgp.conf line 2, as [BGP] local_address'])
    expect(lines).toContainEqual(['peers', '192.0.2.1, 192.0.2.2', '/bgp.conf line 5'])
    expect(lines).toContainEqual(['hold_time', '90', 'default'])
    expect(lines).toContainEqual(['port', '8083', 'environment variable CHANTER_API__PORT'])
    expect(lines).toContainEqual(['debug', 'true', 'argument --debug'])
    expect(lines).toContainEqual(['md5_key_file', `${directory}/bgp.key`, '/bgp.conf line 4'])
    expect(output).not.toContain('S3cret')
  })

  test('prints JSON', async () => {
    const { output } = await config('show', GOOD, '--json')
    const settings = JSON.parse(output)
    const follows = '[BGP] my_as'
    const common = { section: 'BGP', value: 64512, source: '/bgp.conf', line: 3 }
    expect(settings).toContainEqual({ ...common, option: 'my_as', follows: null })
    expect(settings).toContainEqual({ ...common, option: 'peer_as', follows })
    expect(settings).toContainEqual({
      section: 'API',
      option: 'port',
      value: 8082,
      source: 'default',
      line: null,
      follows: null,
    })
  })

  test('refuses a configuration that is wrong, with every error', async () => {
    const { error, output, directory } = await config('show', '[BGP]\nmy_as = x\n')
    expect(output).toBe('')
    expect(error?.replaceAll(directory, '').split('\n')).toEqual([
      expect.stringContaining('/bgp.conf line 1: [BGP] local_address is missing'),
      expect.stringContaining('/bgp.conf line 2: [BGP] my_as = "x"'),
    ])
  })

  test('shows what a running daemon has', async () => {
    const written = { section: 'BGP', source: '/etc/bgp.conf', line: 2, follows: null }
    const shown = [
      { ...written, option: 'my_as', value: 64512 },
      {
        ...written,
        option: 'peers',
        value: ['192.0.2.1', '192.0.2.2'],
        source: 'argument --peers',
        line: null,
      },
      { ...written, option: 'peer_as', value: 64512, follows: '[BGP] my_as' },
      { ...written, option: 'max_prefixes', value: null, source: 'default', line: null },
    ]
    const server = await serve(({ url }) =>
      url === '/config' ? { body: JSON.stringify(shown) } : { status: 404, body: '{}' },
    )
    const asked = (...args: string[]) =>
      chanter('config', 'show', '--running', '--port', String(server.port), ...args)
    expect((await asked()).output).toBe(`[BGP]
my_as         64512                 /etc/bgp.conf line 2
peers         192.0.2.1, 192.0.2.2  argument --peers
peer_as       64512                 /etc/bgp.conf line 2, as [BGP] my_as
max_prefixes  -                     default
`)
    expect(JSON.parse((await asked('--json')).output)).toEqual(shown)
  })
})

test.each([
  [['chek'], 'unknown action chek (did you mean check?); see chanter config --help'],
  [['check', 'a', '--config-file', 'b'], 'name a with --config-file too, or alone'],
  [['check', '--running'], 'chanter config show --running takes no file: it asks the daemon'],
])('%j is refused', async (args, error) => {
  vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'chanter', 'config', ...args])
  expect(await chanter('config', ...args)).toMatchObject({ error, output: '' })
  vi.restoreAllMocks()
})

test('an API that others could reach is a warning', async () => {
  const { output, exitCode } = await config('check', `${GOOD}[API]\nhost = 0.0.0.0\n`)
  expect(output).toContain('line 5: [API] host = "0.0.0.0": clients on other machines are refused')
  expect(exitCode).toBe(undefined)
})
