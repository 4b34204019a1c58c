import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { PeerSummary } from '../../src/api/peers.ts'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

/** The output in docs/operations.md of a command that an operator types. */
function sampleOf(command: string): string {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, text] = new RegExp(`^\`\`\`text\n\\$ ${command}\n(.*?)^(?:\`\`\`|\\$ )`, 'ms').exec(page) ?? []
  if (text === undefined) throw new Error(`no output of ${command}`)
  return text
}

/** What the command prints where the daemon answers so. */
async function outputOf(command: string, answers: Readonly<Record<string, unknown>>): Promise<string> {
  const server = await serve(({ url = '' }) => ({ body: JSON.stringify(answers[url]) }))
  const [, ...words] = command.split(' ')
  return (await chanter(...words, '--port', String(server.port))).output
}

const at = (time: string) => new Date(`2026-11-${time.replace(' ', 'T')}`).getTime()
const ENTRY = 'remote-mac 02:00:00:00:01:02 on vxlan--net1'
const peer = (id: string, since: string, more: Partial<PeerSummary> = {}) => ({
  ...{ id, as: 64512, state: 'Established', since: `2026-11-${since}`, routes: 1204, reason: null },
  ...more,
})
const PEERS = [peer('192.0.2.1', '25 02:11:07'), peer('192.0.2.2', '25 02:11:08')]

const STATUS = {
  ok: false,
  problems: [`1 of 1204 kernel entries failed, such as ${ENTRY}: ENOMEM`],
  version: '0.1.0',
  started: at('22 15:44:20'),
  uptime_seconds: 59 * 3600,
  sessions: { established: 2, disabled: 0, peers: PEERS },
  routes: {
    state: 'complete',
    since: at('25 02:11:10'),
    waiting_for: [],
    stale: [],
    received: 1204,
    own: 12,
    filtered_by: PEERS.map(({ id }) => id),
  },
  instances: { count: 3, endpoints: 12 },
  entries: { wanted: 1204, programmed: 1203, pending: 0, failed: 1, unremoved: 0 },
  isolation: { both: 3, xdp: 0, tc: 0, refusals: [], open: [] },
  compared: { at: at('25 02:44:20'), entries: 1203, faults: 0 },
  stale: { entries: 0, links: [] },
  state_file: { path: '/var/lib/chanter/state', written: at('25 01:02:03'), failure: null },
}

const FAILED = {
  entry: ENTRY,
  instances: ['net1'],
  wanted: true,
  state: 'failed',
  reason: 'ENOMEM',
  since: at('25 02:40:12'),
  next_try: at('25 02:45:50'),
  attempts: 12,
}

const VERIFIED = {
  ...{ devices: 9, entries: 1204, missing: 0, different: 0, extra: 1, failed: 0, pending: 0, stale: 0 },
  faults: [{ fault: 'extra', entry: 'remote-mac 02:00:00:00:66:66 on vxlan--net1', found: null }],
  ...{ unreadable: [], outdated: [] },
}

const LISTED = [
  PEERS[0],
  peer('192.0.2.2', '25 02:58:40', { state: 'Idle', routes: 0, reason: 'disabled: cable work until 04:00' }),
  peer('2001:db8::3', '25 02:40:12', {
    as: 64513,
    state: 'Active',
    routes: 0,
    reason:
      'received Cease/AdministrativeShutdown (6/2): "reboot"; then connect ECONNREFUSED 2001:db8::3:179',
  }),
]

const option = (section: string, name: string, before: unknown, after: unknown, needs_restart: boolean) => ({
  ...{ section, option: name, before, after, needs_restart },
})
const RELOAD = {
  dry_run: true,
  peers: [
    {
      ...{ peer: '192.0.2.2', change: 'changed', resets_session: true },
      options: [{ option: 'hold_time', before: 90, after: 30 }],
    },
    { peer: '192.0.2.3', change: 'added', resets_session: false, options: [] },
  ],
  options: [option('BGP', 'my_as', 64512, 64513, true), option('DEFAULT', 'debug', false, true, false)],
  warnings: [],
}

test.each([
  ['chanter status', { '/status': STATUS, '/status/entries?state=failed': [FAILED] }],
  ['chanter status --verify', { '/status/verify': VERIFIED }],
  ['chanter peer list', { '/looking-glass/bgp/peers': LISTED }],
  ['chanter reload --dry-run', { '/reload?dry_run=true': RELOAD }],
])('%s prints what docs/operations.md shows', async (command, answers) => {
  expect(await outputOf(command, answers)).toBe(sampleOf(command))
})
