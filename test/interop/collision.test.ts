import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VPNV4 } from '../../src/bgp/family.ts'
import type { Accept, Connection, ConnectionHandlers, Transport } from '../../src/bgp/session/transport.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { systemClock } from '../../src/clock.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector } from '../../src/lab/network.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { noEvents } from '../support/events.ts'
import { Frr } from '../support/frr.ts'
import { ip, peerConfig } from '../support/speakers.ts'

const OURS = '10.77.0.1'
const THEIRS = '10.77.0.11'

type Side = 'outgoing' | 'incoming'

/**
 * The kernel's TCP, which holds back what the peer sends until both sides have made a connection. Then the OPENs of both come first, that of the
 * survivor before the other: a KEEPALIVE on the other one could establish it at the peer, which would close the survivor.
 */
class Crossing {
  outgoing: Connection | null = null
  incoming: Connection | null = null
  readonly transport: Transport = {
    connect: (options, handlers) => {
      this.connects++
      this.outgoing = tcpTransport.connect(options, this.held('outgoing', handlers))
      return this.outgoing
    },
    listen: (at, accept) => tcpTransport.listen(at, this.accepting(accept)),
  }
  connects = 0
  private readonly survivor: Side
  private readonly opens = new Map<Side, () => void>()
  private readonly waiting: (() => void)[] = []
  private isOpen = false

  constructor(survivor: Side) {
    this.survivor = survivor
  }

  private accepting(accept: Accept): Accept {
    return (connection) => {
      const handlers = accept(connection)
      if (handlers === null) return null
      this.incoming = connection
      return this.held('incoming', handlers)
    }
  }

  private held(side: Side, handlers: ConnectionHandlers): ConnectionHandlers {
    const framer = new Framer()
    const inOrder = (event: () => void): void => {
      if (this.isOpen) return event()
      if (this.opens.has(side)) this.waiting.push(event)
      else this.opens.set(side, event)
      if (this.opens.size < 2) return
      this.isOpen = true
      this.opens.get(this.survivor)?.()
      this.opens.delete(this.survivor)
      for (const next of [...this.opens.values(), ...this.waiting]) next()
    }
    return {
      connected: () => handlers.connected(),
      drained: () => handlers.drained(),
      data: (chunk) => {
        framer.push(chunk)
        for (let frame = framer.next(); frame !== null; frame = framer.next()) {
          const bytes = Buffer.from(frame.bytes)
          inOrder(() => handlers.data(bytes))
        }
      },
      closed: (error) => inOrder(() => handlers.closed(error)),
    }
  }
}

describe('of two connections made at once with FRR', () => {
  let lab: Lab
  beforeEach(() => {
    lab = new Lab()
  })
  afterEach(() => lab.close())

  test.each([
    ['of the peer lives, which has the higher identifier', '10.77.0.11', 64512, 'incoming'],
    ['of ours lives, which has the higher identifier', '10.0.0.1', 64512, 'outgoing'],
  ] as const)('that %s (RFC 4271 §6.8)', async (_, routerId, as, survivor) => {
    const hub = await addReflector(lab, OURS)
    const host = await addNode(lab, hub, 'frr', THEIRS)
    await Frr.start(
      lab,
      host,
      [
        `router bgp ${as}`,
        ` bgp router-id ${routerId}`,
        ` neighbor ${OURS} remote-as 64512`,
        ` neighbor ${OURS} timers connect 1`,
        ' address-family ipv4 vpn',
        `  neighbor ${OURS} activate`,
        '',
      ].join('\n'),
    )
    const crossing = new Crossing(survivor)
    const speaker = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: 64512,
        identifier: ip(OURS),
        localAddress: ip(OURS),
        peers: [peerConfig(THEIRS, { as, families: [VPNV4] })],
      },
      { clock: systemClock, random: Math.random, transport: crossing.transport, events: noEvents },
      () => {},
    )
    try {
      expect(await speaker.start()).toBeNull()
      const { sessions } = speaker.peers.get(ip(THEIRS))!
      await lab.eventually('the session is up', async () =>
        sessions.state === 'Established'
          ? { value: sessions.state }
          : { seen: `${sessions.state}, ${crossing.connects} connects, last error ${sessions.lastError}` },
      )
      expect(crossing.connects, 'no second try').toBe(1)
      expect(sessions.session!.connection).toBe(crossing[survivor])
      expect(sessions.establishedCount).toBe(1)
    } finally {
      speaker.stop('the test is over')
    }
  })
})
