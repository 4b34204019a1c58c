import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { systemClock } from '../../src/clock.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { noEvents } from '../support/events.ts'
import { ip, peerConfig } from '../support/speakers.ts'

const AS = 64512
const US = '10.77.0.11'
const A = { address: '10.77.0.1', api: 15051 }
const B = { address: '10.77.0.2', api: 15052 }
const KEY = 's3cret'
type Gobgp = typeof A

let lab: Lab
let speaker: Speaker

interface Kind {
  readonly password?: string
  /** It connects to us, not we to it. */
  readonly active?: boolean
}

function gobgpd({ address, api }: Gobgp, { password, active = false }: Kind = {}) {
  const file = join(lab.directory, `gobgpd-${address}.conf`)
  const key = password === undefined ? '' : `, auth-password = "${password}"`
  writeFileSync(
    file,
    `[global.config]
  as = ${AS}
  router-id = "${address}"
  local-address-list = ["${address}"]
[[neighbors]]
  config = { neighbor-address = "${US}", peer-as = ${AS}${key} }
  transport.config = { passive-mode = ${!active}, local-address = "${address}" }
  timers.config = { connect-retry = 1, idle-hold-time-after-reset = 1 }
  [[neighbors.afi-safis]]
    config = { afi-safi-name = "l2vpn-evpn" }
  [[neighbors.afi-safis]]
    config = { afi-safi-name = "rtc" }
`,
  )
  const words = ['--pprof-disable', '--api-hosts', `127.0.0.1:${api}`, '-f', file]
  return lab.start(namespace, `gobgpd-${address}`, 'gobgpd', ...words)
}

/** What a gobgpd says of its session with us; `established` is since when, in seconds since 1970. */
async function seenBy({ api }: Gobgp): Promise<{ up: boolean; established: number; holdTime: number }> {
  const neighbour = JSON.parse(await run('gobgp', '-p', String(api), 'neighbor', US, '--json'))
  const { state, timers } = neighbour
  const established = Number(timers.state.uptime?.seconds ?? 0)
  return {
    up: state['session_state'] === 6,
    established,
    holdTime: Number(timers.state['negotiated_hold_time'] ?? 0),
  }
}

async function up(of: Gobgp, what: string, wanted: (seen: Awaited<ReturnType<typeof seenBy>>) => boolean) {
  return lab.eventually(what, async () => {
    const seen = await seenBy(of)
    return seen.up && wanted(seen) ? { value: seen } : { seen: JSON.stringify(seen) }
  })
}

const config = ({ address }: Gobgp, changes: Partial<PeerConfig> = {}): PeerConfig =>
  peerConfig(address, { families: [EVPN, ROUTE_TARGET], connectRetrySeconds: 1, ...changes })

let namespace: string

beforeAll(async () => {
  lab = new Lab()
  namespace = lab.addNamespace('peers')
  lab.enter(namespace)
  for (const { address } of [A, B, { address: US }])
    await run('ip', 'addr', 'add', `${address}/24`, 'dev', 'lo')
  gobgpd(A)
  gobgpd(B)
  for (const { api } of [A, B])
    await lab.eventually('gobgpd answers', async () => ({
      value: await run('gobgp', '-p', String(api), 'neighbor'),
    }))
  speaker = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: ip(US),
      localAddress: ip(US),
      peers: [config(A), config(B)],
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  expect(await speaker.start()).toBeNull()
})

afterAll(async () => {
  speaker.stop('done')
  await lab.close()
})

test('peers that are added, changed and removed leave the session of the others as it is', async () => {
  const first = await up(A, 'both sessions', ({ established }) => established > 0)
  const other = await up(B, 'both sessions', ({ established }) => established > 0)
  expect(first.holdTime).toBe(90)

  await speaker.setPeers([config(A, { holdTimeSeconds: 30 }), config(B, { maxPrefixes: 1000 })])
  const changed = await up(A, 'a new session', ({ established }) => established > first.established)
  expect(changed.holdTime).toBe(30)
  expect(await seenBy(B)).toEqual(other)

  await speaker.setPeers([config(B, { maxPrefixes: 1000 })])
  await lab.eventually('the removed one sees it', async () => {
    const seen = await seenBy(A)
    return seen.up ? { seen: JSON.stringify(seen) } : { value: true }
  })
  expect(await seenBy(B)).toEqual(other)

  await speaker.setPeers([config(A), config(B, { maxPrefixes: 1000 })])
  await up(
    A,
    'it is back',
    ({ established, holdTime }) => established > changed.established && holdTime === 90,
  )
  expect(await seenBy(B)).toEqual(other)
})

test('an MD5 key that is added later holds for connections of the peer, and no longer when it is taken away', async () => {
  const C = { address: '10.77.0.3', api: 15053 }
  await run('ip', 'addr', 'add', `${C.address}/24`, 'dev', 'lo')
  const signed = gobgpd(C, { password: KEY, active: true })
  await lab.eventually('gobgpd answers', async () => ({
    value: await run('gobgp', '-p', String(C.api), 'neighbor'),
  }))
  const others = [config(A), config(B, { maxPrefixes: 1000 })]
  await speaker.setPeers([...others, config(C, { passive: true, md5Key: KEY })])
  await up(C, 'a signed session that it opened', () => true)
  await signed.stop()
  await speaker.setPeers([...others, config(C, { passive: true })])
  const unsigned = { ...C, api: 15054 }
  gobgpd(unsigned, { active: true })
  await up(unsigned, 'an unsigned session that it opened', () => true)
})
