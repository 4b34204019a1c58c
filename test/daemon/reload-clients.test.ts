import { writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { temporaryFiles } from '../support/files.ts'
import {
  A,
  B,
  C,
  clock,
  connect,
  peer,
  recorded,
  reload,
  reloader,
  speakers,
  states,
  write,
} from './reload-setup.ts'

describe('clients that connect from a prefix', () => {
  const PREFIX = '127.0.0.12/30'
  const RR = { reflector: 'true', peers: A }
  const options = (of: Readonly<Record<string, string>>) => ({ [`BGP_PEER:${PREFIX}`]: of })

  beforeEach(async () => {
    write({ ...RR, reflector_clients: PREFIX })
    const { peers } = await reload()
    expect(peers).toContainEqual({ peer: PREFIX, change: 'added', resets_session: false, options: [] })
    for (const address of [B, C]) speakers.get(address)!.stop('to begin anew')
    for (const address of [B, C]) connect(address)
    clock.advance(5000)
    expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`, `${C} Established 1`])
  })

  test('are dropped with the prefix, and no other session is', async () => {
    write(RR)
    const { peers } = await reload()
    expect(peers).toEqual([{ peer: PREFIX, change: 'removed', resets_session: false, options: [] }])
    clock.advance(60_000)
    expect(states()).toEqual([`${A} Established 1`])
    expect(recorded.at(-1)).toMatchObject({ type: 'reload', dynamicPeers: [] })
  })

  test('keep their sessions when the prefix becomes wider, or a limit changes', async () => {
    write({ ...RR, reflector_clients: '127.0.0.0/24' })
    expect((await reload()).peers).toEqual([
      { peer: PREFIX, change: 'removed', resets_session: false, options: [] },
      { peer: '127.0.0.0/24', change: 'added', resets_session: false, options: [] },
    ])
    write({ ...RR, reflector_clients: '127.0.0.0/24' }, { 'BGP_PEER:127.0.0.0/24': { max_prefixes: '9' } })
    expect((await reload()).peers).toMatchObject([{ peer: '127.0.0.0/24', resets_session: false }])
    expect(states()).toEqual([`${A} Established 1`, `${B} Established 1`, `${C} Established 1`])
    expect(peer(B)?.sessions.config.maxPrefixes).toBe(9)
  })

  test('begin a session anew when an option of theirs asks for it; one that is disabled stays so', async () => {
    peer(C)?.disable('cable work')
    write({ ...RR, reflector_clients: PREFIX }, options({ hold_time: '30' }))
    expect((await reload()).peers).toEqual([
      {
        peer: PREFIX,
        change: 'changed',
        resets_session: true,
        options: [{ option: 'hold_time', before: 90, after: 30 }],
      },
    ])
    clock.advance(60_000)
    expect(peer(B)?.negotiated?.holdTimeSeconds).toBe(30)
    expect(peer(C)?.sessions.downReason).toBe('disabled: cable work')
    expect(peer(A)?.sessions.establishedCount).toBe(1)
  })

  test('are dropped by enabled = false', async () => {
    write({ ...RR, reflector_clients: PREFIX }, options({ enabled: 'false' }))
    await reload()
    clock.advance(60_000)
    expect(states()).toEqual([`${A} Established 1`])
  })
})

test('reflector itself needs a restart', async () => {
  write({ reflector: 'true' })
  expect((await reload()).options).toMatchObject([{ option: 'reflector', needs_restart: true }])
})

describe('access to the API', () => {
  const TOKEN = '0123456789abcdef0123'

  test('follows the token and the names; the port needs a restart', async () => {
    const directory = temporaryFiles({ token: TOKEN })
    const token_file = `${directory}/token`
    const API = { host: '0.0.0.0', port: '8083', token_file, allowed_hosts: 'node1.example' }
    write({}, { API })
    const { options } = await reload()
    expect(options.map(({ option, needs_restart }) => [option, needs_restart])).toEqual([
      ['host', true],
      ['port', true],
      ['token_file', false],
      ['allowed_hosts', false],
    ])
    expect(reloader.access.token).toBe(TOKEN)
    expect(reloader.access.hosts).toContain('node1.example')
    writeFileSync(token_file, TOKEN.toUpperCase())
    expect((await reload()).options).toContainEqual({
      section: 'API',
      option: 'token_file',
      before: token_file,
      after: `${token_file}, with other content`,
      needs_restart: false,
    })
    expect(reloader.access.token).toBe(TOKEN.toUpperCase())
  })

  test('stays as it was when a file cannot be used', async () => {
    const token_file = `${temporaryFiles({ token: TOKEN })}/token`
    write({}, { API: { token_file } })
    await reload()
    writeFileSync(token_file, 'short')
    expect(await reloader.reload({ dryRun: false })).toEqual({
      findings: [expect.stringContaining('holds a token that is too short')],
    })
    expect(reloader.access.token).toBe(TOKEN)
  })
})
