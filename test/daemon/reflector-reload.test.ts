import { writeFileSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { keyFile, tokenFile } from '../../src/config/types.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import { type ReflectorConfig, speakerConfig } from '../../src/reflector/config.ts'
import { ReflectorReloader } from '../../src/reflector/reload.ts'
import { temporaryFiles } from '../support/files.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const [RR, CLIENT, OTHER] = ['10.77.0.1', '10.77.0.11', '10.77.0.2'] as const
const TOKEN = '0123456789abcdef0123'

let clock: VirtualClock
let reflector: Speaker
let reloader: ReflectorReloader
let events: DaemonEvent[]
let files: string

const CONFIG: ReflectorConfig = {
  as: 64512,
  identifier: ip(RR),
  clusterId: ip(RR),
  listenAddress: ip(RR),
  listenPort: 179,
  clients: [{ ip: ip('10.77.0.0'), length: 24 }],
  clientLimit: 10,
  peers: [ip(OTHER)],
  holdTimeSeconds: 90,
  api: null,
}

beforeEach(() => {
  clock = new VirtualClock()
  events = []
  const network = new VirtualNetwork(clock)
  files = temporaryFiles({ key: 'one', token: TOKEN })
  const readSecrets = () => ({
    md5: keyFile.parse(`${files}/key`),
    token: tokenFile.parse(`${files}/token`),
  })
  const sink = { emit: (event: DaemonEvent) => void events.push(event) }
  const secrets = readSecrets()
  const { peers, ...changes } = speakerConfig(CONFIG, secrets)
  reflector = speakerAt(RR, peers, clock, network, changes, () => {}, sink)
  reloader = new ReflectorReloader({ config: CONFIG, secrets, readSecrets, speaker: reflector, events: sink })
  speakerAt(CLIENT, [peerConfig(RR)], clock, network)
  speakerAt(OTHER, [peerConfig(RR, { passive: true })], clock, network)
  clock.advance(5000)
  events = []
})

const sessions = () =>
  [...reflector.peers.values()].map(({ sessions: { name, state, config } }) => [name, state, config.md5Key])
const types = () => events.map(({ type }) => type).filter((type) => type.startsWith('config-'))

test('another token is accepted at once, and no session ends', async () => {
  writeFileSync(`${files}/token`, TOKEN.toUpperCase())
  const before = sessions()
  expect(await reloader.reload({ dryRun: true })).toMatchObject({ report: { dry_run: true } })
  expect(reloader.secrets.token?.key).toBe(TOKEN)
  expect(await reloader.reload({ dryRun: false })).toEqual({
    report: {
      dry_run: false,
      peers: [],
      options: [
        {
          section: 'arguments',
          option: 'api-token-file',
          before: `${files}/token`,
          after: `${files}/token, with other content`,
          needs_restart: false,
        },
      ],
      warnings: [],
    },
  })
  expect(reloader.secrets.token?.key).toBe(TOKEN.toUpperCase())
  expect([sessions(), types()]).toEqual([before, ['config-reloaded']])
})

test('another key is that of every session from now on', async () => {
  expect(sessions()).toEqual([
    [OTHER, 'Established', 'one'],
    [CLIENT, 'Established', 'one'],
  ])
  writeFileSync(`${files}/key`, 'two')
  const outcome = await reloader.reload({ dryRun: false })
  expect(outcome).toMatchObject({
    report: { peers: [OTHER, '10.77.0.0/24'].map((peer) => ({ peer, resets_session: true })) },
  })
  clock.advance(60_000)
  expect(sessions()).toEqual([
    [OTHER, 'Established', 'two'],
    [CLIENT, 'Established', 'two'],
  ])
})

test('a file that cannot be used changes nothing, and says why', async () => {
  writeFileSync(`${files}/key`, 'two')
  writeFileSync(`${files}/token`, 'short')
  const before = sessions()
  expect(await reloader.reload({ dryRun: false })).toEqual({
    findings: [expect.stringContaining('a token that is too short')],
  })
  expect([sessions(), types()]).toEqual([before, ['config-refused']])
  const refused = 'the last reload was refused, the files are used as they were: '
  expect(reloader.problems).toContainEqual(expect.stringContaining(refused))
  writeFileSync(`${files}/token`, TOKEN)
  await reloader.reload({ dryRun: false })
  expect(reloader.problems).not.toContainEqual(expect.stringContaining(refused))
})
