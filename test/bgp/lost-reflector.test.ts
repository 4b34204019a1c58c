import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN } from '../../src/bgp/family.ts'
import type { GracefulRestart } from '../../src/bgp/message/capability.ts'
import { writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import type { Writer } from '../../src/bgp/wire/writer.ts'
import { parseMac } from '../../src/values/mac.ts'
import { internalAttributes, openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, speakerAt } from '../support/speakers.ts'
import { advertise, B, clock, MAC1, MAC2, network, RED, restart } from './restart-setup.ts'

const MAC3 = '02:00:00:00:01:03'
const macText = (mac: string): string => `${parseMac(mac)}`

describe('routes of a lost reflector', () => {
  const C = '10.77.0.14'
  const ONE = { originatorId: 0x0a4d0015, clusterList: [1] }
  const TWO = { originatorId: 0x0a4d0016, clusterList: [1] }
  let both: Collector
  let first: RawPeer
  let second: RawPeer

  const connect = (from: string, gracefulRestart: GracefulRestart | null): RawPeer => {
    const capabilities = { ...openOf().capabilities, gracefulRestart }
    const peer = RawPeer.connect(network.transport, ip(from), ip('10.77.0.13'), 179).behave({ capabilities })
    clock.advance(100)
    return peer
  }
  const macs = (): string[] =>
    [...both.routes.values()].map(({ nlri }) => ('mac' in nlri ? `${nlri.mac}` : ''))

  beforeEach(() => {
    const peers = [peerConfig(B, { passive: true }), peerConfig(C, { passive: true })]
    const node = speakerAt('10.77.0.13', peers, clock, network)
    both = new Collector()
    node.subscribe(both, RED)
    first = connect(B, restart())
    second = connect(C, null)
  })

  const loseFirst = (): void => {
    network.reset(ip('10.77.0.13'), ip(B))
    clock.advance(100)
  }

  test('is gone when another one withdraws it', () => {
    advertise(first, [MAC1], null, ONE)
    advertise(second, [MAC1], null, ONE)
    loseFirst()
    expect(both.routes.size).toBe(1)
    second.write((w) => writeUnreach(w, EVPN, [macRoute(B, MAC1, null)], DEFAULT_CONTEXT))
    clock.advance(100)
    expect(both.routes.size).toBe(0)
  })

  test('is gone when its originator itself withdraws it', () => {
    advertise(first, [MAC1], null, { ...ONE, originatorId: openOf().identifier })
    advertise(second, [MAC1], null)
    loseFirst()
    second.write((w) => writeUnreach(w, EVPN, [macRoute(B, MAC1, null)], DEFAULT_CONTEXT))
    clock.advance(100)
    expect(both.routes.size).toBe(0)
  })

  test('stays where it is of another originator than the one withdrawn', () => {
    advertise(first, [MAC1], null, ONE)
    advertise(second, [MAC1], null, TWO)
    loseFirst()
    second.write((w) => writeUnreach(w, EVPN, [macRoute(B, MAC1, null)], DEFAULT_CONTEXT))
    clock.advance(100)
    expect(both.routes.size).toBe(1)
  })

  test.each([
    ['is gone where it is to the same next hop', '10.77.0.21', '10.77.0.21', 0],
    ['stays where it is to another', '10.77.0.21', '10.77.0.22', 1],
    ['stays where it is to the reflector itself', B, B, 1],
  ])('of an external peer, when another one withdraws it, %s', (_, passedOn, withdrawn, left) => {
    const attributes: Attributes = internalAttributes({
      extendedCommunities: [RED],
    })
    const nlri = [macRoute(B, MAC1, null)]
    const send = (peer: RawPeer, write: (w: Writer) => void): void => {
      peer.write(write)
      clock.advance(100)
    }
    send(first, (w) => writeReach(w, EVPN, ip(passedOn), nlri, attributes, DEFAULT_CONTEXT))
    send(second, (w) => writeReach(w, EVPN, ip(withdrawn), nlri, attributes, DEFAULT_CONTEXT))
    loseFirst()
    send(second, (w) => writeUnreach(w, EVPN, nlri, DEFAULT_CONTEXT))
    expect(both.routes.size).toBe(left)
  })

  test('is gone at once where another one knows its originator and does not have it, if that is up for long', () => {
    advertise(first, [MAC1, MAC2], null, ONE)
    advertise(second, [MAC2], null, ONE)
    advertise(first, [MAC3], null, TWO)
    clock.advance(181_000)
    loseFirst()
    expect(macs().sort()).toEqual([macText(MAC2), macText(MAC3)].sort())
  })

  test('stays where the other one has only just come up', () => {
    advertise(first, [MAC1, MAC2], null, ONE)
    advertise(second, [MAC2], null, ONE)
    loseFirst()
    expect(both.routes.size).toBe(2)
  })
})
