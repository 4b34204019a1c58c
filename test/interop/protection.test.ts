import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { systemClock } from '../../src/clock.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { formatIp } from '../../src/values/address.ts'
import { noEvents } from '../support/events.ts'
import { ip, peerConfig } from '../support/speakers.ts'

const AS = 64512
const KEY = 's3cret'

/** gobgpd with one neighbour for each address; the port is its own, so that both sides can listen on one machine. */
function gobgpd(lab: Lab, namespace: string, address: string, neighbours: readonly string[]) {
  const file = join(lab.directory, 'gobgpd.conf')
  const ipv6 = address.includes(':')
  writeFileSync(
    file,
    `[global.config]\n  as = ${AS}\n  router-id = "10.77.0.1"\n  local-address-list = ["${address}"]\n${neighbours.join('\n')}`,
  )
  return lab.start(
    namespace,
    `gobgpd${ipv6 ? '6' : ''}`,
    'gobgpd',
    '--pprof-disable',
    '--api-hosts',
    '127.0.0.1:50051',
    '-f',
    file,
  )
}

interface Side {
  readonly address: string
  readonly password?: string
  readonly passive: boolean
  readonly ttlSecurity?: boolean
}

const neighbour = ({ address, password, passive, ttlSecurity }: Side): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${AS}
    ${password === undefined ? '' : `auth-password = "${password}"`}
  [neighbors.transport.config]
    passive-mode = ${passive}
  [neighbors.timers.config]
    connect-retry = 5
    idle-hold-time-after-reset = 5
  ${ttlSecurity ? '[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255' : ''}
  [[neighbors.afi-safis]]
    config = { afi-safi-name = "l2vpn-evpn" }
  [[neighbors.afi-safis]]
    config = { afi-safi-name = "rtc" }
`

let lab: Lab
const speakers: Speaker[] = []

function speaker(address: string, peer: Partial<PeerConfig>, reflector: string): Speaker {
  const made = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: ip(address.includes(':') ? '10.77.0.66' : address),
      localAddress: ip(address),
      peers: [peerConfig(reflector, { families: [EVPN, ROUTE_TARGET], connectRetrySeconds: 1, ...peer })],
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  speakers.push(made)
  return made
}

const state = (of: Speaker): string => [...of.peers.values()][0]!.sessions.state

async function established(of: Speaker, what: string): Promise<void> {
  await lab.eventually(what, async () =>
    state(of) === 'Established' ? { value: true } : { seen: state(of) },
  )
}

/** Segments that the kernel dropped for their signature. */
async function signatureFailures(): Promise<number> {
  return Number(/TCPMD5Failure\s+(\d+)/.exec(await run('nstat', '-asz', 'TcpExtTCPMD5Failure'))?.[1] ?? 0)
}

beforeAll(async () => {
  lab = new Lab()
  const namespace = lab.addNamespace('md5')
  lab.enter(namespace)
  for (const address of [
    '10.77.0.1/24',
    '10.77.0.11/24',
    '10.77.0.12/24',
    '10.77.0.13/24',
    '10.77.0.14/24',
    '10.77.0.15/24',
  ]) {
    await run('ip', 'addr', 'add', address, 'dev', 'lo')
  }
  gobgpd(lab, namespace, '10.77.0.1', [
    neighbour({ address: '10.77.0.11', password: KEY, passive: true }),
    neighbour({ address: '10.77.0.12', password: KEY, passive: false }),
    neighbour({ address: '10.77.0.13', password: KEY, passive: true }),
    neighbour({ address: '10.77.0.14', passive: true, ttlSecurity: true }),
    neighbour({ address: '10.77.0.15', password: KEY, passive: false }),
  ])
  await lab.eventually('gobgpd answers', async () => ({ value: await run('gobgp', 'neighbor') }))
})

afterAll(() => {
  for (const one of speakers) one.stop('done')
  lab.close()
})

describe('TCP MD5 signatures with GoBGP (RFC 2385)', () => {
  test('hold for a session that we open', async () => {
    const one = speaker('10.77.0.11', { md5Key: KEY }, '10.77.0.1')
    await one.start()
    await established(one, 'the signed session is up')
  })

  test('hold for a session that the peer opens', async () => {
    const one = speaker('10.77.0.12', { md5Key: KEY, passive: true }, '10.77.0.1')
    await one.start()
    await established(one, 'the signed session that GoBGP opened is up')
  })

  test('hold for every peer that connects from a prefix', async () => {
    const template = { ...peerConfig('10.77.0.1'), md5Key: KEY }
    const one = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: AS,
        identifier: ip('10.77.0.15'),
        localAddress: ip('10.77.0.15'),
        peers: [],
        dynamicPeers: [{ prefix: { ip: ip('10.77.0.0'), length: 24 }, template, limit: 5 }],
      },
      { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
      () => {},
    )
    speakers.push(one)
    await one.start()
    await lab.eventually('GoBGP is a dynamic neighbour', async () => {
      const states = [...one.peers.values()].map(({ sessions }) => sessions.state)
      return states[0] === 'Established' ? { value: true } : { seen: states.join() }
    })
  })

  test('keep out who has another key', async () => {
    const one = speaker('10.77.0.13', { md5Key: 'wrong' }, '10.77.0.1')
    await one.start()
    const { sessions } = [...one.peers.values()][0]!
    const before = await signatureFailures()
    await lab.eventually('the kernel has dropped segments with a wrong signature', async () => {
      const seen = await signatureFailures()
      return seen > before ? { value: seen } : { seen: `${seen}` }
    })
    expect(sessions.state).not.toBe('Established')
  })
})

describe('GTSM with GoBGP (RFC 5082)', () => {
  test('holds on both sides', async () => {
    const one = speaker('10.77.0.14', { ttlSecurityHops: 1 }, '10.77.0.1')
    await one.start()
    await established(one, 'the session with TTL 255 is up')
  })
})

describe('between two of ours', () => {
  const PORT = 1790

  test.each([
    ['10.77.0.1', '10.77.0.11', 32],
    ['10.77.0.1', '10.77.0.11', 24],
    ['::1', '::1', 128],
    ['::', '10.77.0.11', 32],
    ['::', '10.77.0.11', 24],
    ['::', '::1', 128],
  ])('MD5 and GTSM hold at %s for %s of a prefix of %i bits', async (at, from, prefixLength) => {
    const protection = { md5Key: KEY, ttlSecurityHops: 1 }
    const arrived: string[] = []
    const listener = await tcpTransport.listen({ address: ip(at), port: PORT }, ({ remoteAddress }) => {
      const data = (octets: Buffer) => arrived.push(`${formatIp(remoteAddress)} ${octets}`)
      return { connected() {}, data, drained() {}, closed() {} }
    })
    const address = prefixLength === 24 ? '10.77.0.0' : from
    listener.protect([{ address: ip(address), prefixLength, ...protection }])
    const connection = tcpTransport.connect(
      { address: ip(at === '::' ? from : at), port: PORT, localAddress: ip(from), ...protection },
      { connected: () => connection.write(Buffer.from('hello')), data() {}, drained() {}, closed() {} },
    )
    await lab.eventually('what was written arrives', async () =>
      arrived.length > 0 ? { value: arrived } : { seen: 'nothing' },
    )
    expect(arrived).toEqual([`${from} hello`])
    connection.close()
    listener.close()
  })
})
