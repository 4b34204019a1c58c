import { EVPN, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import { noCapabilities } from '../../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../../src/bgp/message/index.ts'
import { encodeOpen } from '../../../src/bgp/message/open.ts'
import { maskPrefix } from '../../../src/bgp/nlri/prefix.ts'
import { localSource } from '../../../src/bgp/rib/route.ts'
import { PEER_DEFAULTS } from '../../../src/bgp/session/peer-config.ts'
import { ipv4FromNumber } from '../../../src/values/address.ts'
import { openOf } from '../../support/raw-peer.ts'
import { ip, macRoute, peerConfig, rt } from '../../support/speakers.ts'
import { message } from '../../support/update-bytes.ts'
import { expectThat, Flood, HOSTILE, MIB, VICTIM, type Wire } from './flood.ts'
import {
  END_OF_RIB,
  GARBAGE,
  MacUpdates,
  MarkedUpdates,
  memberships,
  REFRESH,
  REFRESHED,
  REPEATED,
  WILDCARD,
} from './messages.ts'

/** A flood, and the old space in MiB that has to be enough for it. */
export interface Scenario {
  readonly heapMib: number
  play(): Promise<void>
}

const STAYS = 4 * MIB
/** Longer than any timer of a connection: the virtual clock keeps those that were cancelled until then. */
const OVER_MS = 400_000

/** Sends until the session ends; returns how many messages that took. */
function sendUntilEnd(wire: Wire, most: number, messageOf: (i: number) => Buffer, flood: Flood): number {
  let sent = 0
  while (sent < most && !wire.closed) {
    wire.send(messageOf(sent++))
    if (sent % 50 === 0) flood.clock.advance(1)
  }
  return sent
}

async function marked(flags: number, code: number, length: number): Promise<void> {
  const flood = new Flood()
  await flood.settle()
  const updates = new MarkedUpdates(flags, code, length)
  const wire = flood.establish()
  const sent = sendUntilEnd(wire, 1_000_000, (i) => updates.from(i), flood)
  expectThat(wire.notification === '6/8', `ended with ${wire.notification} after ${sent} UPDATEs`)
  await flood.expectBack(STAYS)
  expectThat(flood.speaker.rib.pool.size === 0, 'attribute sets are left')
}

/** A node with routes of its own that a peer may ask for. */
function withOwnRoutes(count: number, maxPrefixes = 1_000_000): Flood {
  const flood = new Flood({ peers: [peerConfig('10.0.0.3', { passive: true, maxPrefixes })] })
  const source = localSource('EVI-1')
  for (let i = 0; i < count; i++) {
    const mac = `02:00:00:${[i >>> 16, i >>> 8, i].map((n) => (n & 255).toString(16).padStart(2, '0')).join(':')}`
    const attributes = { extendedCommunities: [rt('64512:10')] }
    flood.speaker.originate(source, EVPN, macRoute('10.0.0.1', mac, null), attributes)
  }
  return flood
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  'NLRI that cannot be read': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      await flood.settle()
      const wire = flood.establish()
      for (let i = 0; i < 1000; i++) wire.send(GARBAGE)
      expectThat(flood.bgpPeer.routesIn.counters.quarantined === 100_000, 'not all was looked at')
      expectThat(flood.bgpPeer.routesIn.quarantine.length === 100, 'more is kept than a hundred')
      expectThat(flood.logged < 20, `${flood.logged} lines were logged`)
      await flood.expectBack(STAYS)
    },
  },
  'attributes that are there 500 times': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      await flood.settle()
      const wire = flood.establish()
      for (let i = 0; i < 1000; i++) wire.send(REPEATED)
      expectThat(flood.logged < 20, `${flood.logged} lines were logged`)
      await flood.expectBack(STAYS)
    },
  },
  'unknown transitive attributes of 4000 octets, each another one': {
    heapMib: 500,
    play: () => marked(0xd0, 99, 4000),
  },
  'unknown transitive attributes of 60000 octets, each another one': {
    heapMib: 500,
    play: () => marked(0xd0, 99, 60_000),
  },
  '16000 communities a route': { heapMib: 700, play: () => marked(0xd0, 8, 64_000) },
  'one route, advertised 20000 times with other attributes': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      const updates = new MarkedUpdates(0xd0, 99, 4000)
      await flood.settle()
      const wire = flood.establish()
      const marks = Buffer.from(updates.from(0))
      const at = marks.length - 3000
      for (let i = 0; i < 20_000; i++) {
        marks.writeUInt32BE(i, at)
        wire.send(marks)
      }
      expectThat(flood.bgpPeer.source.routeCount === 1, 'one route is not one route')
      await flood.expectBack(STAYS)
    },
  },
  'two million routes over a limit of one million': {
    heapMib: 900,
    async play() {
      const limit = { passive: true, maxPrefixes: 1_000_000 }
      const flood = new Flood({ peers: [peerConfig('10.0.0.3', limit)] })
      await flood.settle()
      const updates = new MacUpdates(110)
      const wire = flood.establish()
      const sent = sendUntilEnd(wire, 2_000_000 / 110, (i) => updates.from(110 * i), flood)
      expectThat(wire.notification === '6/1', `ended with ${wire.notification}`)
      expectThat(sent * 110 < 1_000_200, `${sent * 110} routes were taken`)
      expectThat(flood.connect() === null, 'the peer may come again at once')
      await flood.expectBack(STAYS)
      expectThat(flood.bgpPeer.source.routeCount === 0, 'routes are left')
    },
  },
  'three million routes without a limit of their number': {
    heapMib: 1200,
    async play() {
      const flood = new Flood()
      await flood.settle()
      const updates = new MacUpdates(110)
      const wire = flood.establish()
      const sent = sendUntilEnd(wire, 3_000_000 / 110, (i) => updates.from(110 * i), flood)
      expectThat(wire.notification === '6/8', `ended with ${wire.notification}`)
      expectThat(sent * 110 < 1_700_000, `${sent * 110} routes were taken`)
      await flood.expectBack(STAYS)
    },
  },
  '500000 routes that come and go before any advertisement': {
    heapMib: 100,
    async play() {
      const flood = new Flood()
      await flood.settle()
      const come = new MacUpdates(100)
      const go = new MacUpdates(100, true)
      const wire = flood.establish()
      for (let i = 0; i < 5000; i++) wire.send(come.from(100 * i), go.from(100 * i))
      expectThat((await flood.taken()) < 20 * MIB, 'what waits to be advertised has no bound')
      await flood.expectBack(STAYS)
    },
  },
  '200000 route-target memberships over a limit of 100000': {
    heapMib: 150,
    async play() {
      const flood = withOwnRoutes(100, 100_000)
      await flood.settle()
      const wire = flood.establish()
      sendUntilEnd(wire, 400, (i) => memberships(500 * i), flood)
      expectThat(wire.notification === '6/1', `ended with ${wire.notification}`)
      await flood.expectBack(STAYS)
    },
  },
  'a membership of everything that comes and goes 50000 times': {
    heapMib: 64,
    async play() {
      const flood = withOwnRoutes(1000)
      await flood.settle()
      const wire = flood.establish()
      for (let i = 0; i < 50_000; i++) wire.send(...WILDCARD)
      expectThat((await flood.taken()) < 8 * MIB, 'what is to be looked at again has no bound')
      await flood.expectBack(STAYS)
    },
  },
  '100000 refreshes, begun and ended, or asked for': {
    heapMib: 64,
    async play() {
      const flood = withOwnRoutes(1000)
      await flood.settle()
      const wire = flood.establish({ enhancedRouteRefresh: true })
      wire.reads = false
      for (let i = 0; i < 100_000; i++) wire.send(...REFRESHED, REFRESH)
      expectThat((await flood.taken()) < 8 * MIB, 'what is to be swept has no bound')
      expectThat(wire.unsent < 2 * MIB, `${wire.unsent} octets wait for the peer to read`)
      wire.handlers?.closed(null)
      await flood.expectBack(STAYS)
    },
  },
  '200000 times the end of what a restarted peer has to say': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      const families = [{ family: EVPN, forwarding: true }]
      const gracefulRestart = { restarting: false, notification: true, restartTimeSeconds: 120, families }
      flood.establish({ gracefulRestart }).handlers?.closed(null)
      await flood.settle()
      const wire = flood.establish({ gracefulRestart })
      for (let i = 0; i < 100_000; i++) wire.send(...END_OF_RIB)
      expectThat((await flood.taken()) < 2 * MIB, 'each starts a wait of its own')
      await flood.expectBack(STAYS)
    },
  },
  '10000 dynamic peers, each once': {
    heapMib: 64,
    async play() {
      const template = { ...PEER_DEFAULTS, as: 64512, families: [EVPN, ROUTE_TARGET], reflectorClient: true }
      const prefix = { ip: maskPrefix(ip('11.0.0.0'), 8), length: 8 }
      const flood = new Flood({
        peers: [],
        clusterId: VICTIM,
        dynamicPeers: [{ prefix, template, limit: 50 }],
      })
      await flood.settle()
      const updates = new MacUpdates(10)
      for (let i = 0; i < 10_000; i++) {
        const wire = flood.connect(ipv4FromNumber(0x0b00_0000 + i))
        if (wire === null) throw new Error(`refused after ${i} peers`)
        const capabilities = { ...noCapabilities(), families: [EVPN], fourOctetAs: 64512 }
        if (i % 2 === 0) wire.send(encodeOpen(openOf({ capabilities })), KEEPALIVE)
        if (i % 4 === 0) wire.send(updates.from(i))
        wire.handlers?.closed(null)
        if (i % 10 === 9) flood.clock.advance(1)
        if (i % 1000 === 999) flood.clock.advance(OVER_MS)
      }
      expectThat(flood.speaker.peers.size === 0, `${flood.speaker.peers.size} peers are left`)
      await flood.expectBack(STAYS)
    },
  },
  '40000 connections that come to nothing': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      await flood.settle()
      for (let i = 0; i < 40_000; i++) {
        const wire = flood.connect()
        if (i % 3 === 0) wire?.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
        if (i % 3 === 1) wire?.send(KEEPALIVE.subarray(0, 18))
        if (i % 1000 === 999) flood.clock.advance(OVER_MS)
      }
      await flood.expectBack(STAYS)
    },
  },
  'NOTIFICATIONs of 65535 octets': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      await flood.settle()
      const text = message(3, `0602ff${'41'.repeat(65535 - 22)}`)
      for (let i = 0; i < 2000; i++) {
        flood.establish().send(text)
        flood.clock.advance(i % 500 === 499 ? OVER_MS : 1)
      }
      expectThat((flood.bgpPeer.sessions.lastError?.length ?? 0) < 400, 'the whole text is kept')
      await flood.expectBack(STAYS)
    },
  },
  'an UPDATE of 20000 octets, one octet at a time': {
    heapMib: 64,
    async play() {
      const flood = new Flood()
      await flood.settle()
      const wire = flood.establish()
      const whole = new MarkedUpdates(0xd0, 99, 19_900).from(1)
      for (let i = 0; i < whole.length - 1; i++) wire.send(whole.subarray(i, i + 1))
      await flood.expectBack(STAYS)
      expectThat(!wire.closed, 'the session ended')
    },
  },
  'a peer that never reads, of 30000 routes': {
    heapMib: 200,
    async play() {
      const flood = withOwnRoutes(30_000)
      await flood.settle()
      const wire = flood.establish()
      wire.reads = false
      wire.send(WILDCARD[0])
      flood.clock.advance(120_000)
      expectThat(wire.unsent > 100_000, 'nothing was sent')
      expectThat(wire.unsent < 2 * MIB, `${wire.unsent} octets wait for it`)
      await flood.expectBack(64 * MIB)
    },
  },
  'a client that never reads, of routes with attributes of 60000 octets': {
    heapMib: 700,
    async play() {
      const client = { passive: true, reflectorClient: true }
      const peers = [peerConfig('10.0.0.3', client), peerConfig('10.0.0.4', client)]
      const flood = new Flood({ clusterId: VICTIM, peers })
      await flood.settle()
      const reader = flood.establish({ families: [EVPN] }, ip('10.0.0.4'))
      reader.reads = false
      const updates = new MarkedUpdates(0xd0, 99, 60_000)
      const wire = flood.establish({ families: [EVPN] }, HOSTILE)
      for (let i = 0; i < 1500; i++) wire.send(updates.from(i))
      flood.clock.advance(120_000)
      expectThat(reader.unsent > 100_000, 'nothing was sent')
      expectThat(reader.unsent < 3 * MIB, `${reader.unsent} octets wait for it`)
    },
  },
}
