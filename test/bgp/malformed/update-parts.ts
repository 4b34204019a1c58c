import { expect } from 'vitest'
import type { Attributes } from '../../../src/bgp/attribute/attributes.ts'
import type { Open } from '../../../src/bgp/message/open.ts'
import type { AdjRibIn } from '../../../src/bgp/rib/adj-rib-in.ts'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  MP_REACH,
  ORIGIN,
  octet,
  TARGET,
  TYPE3,
  u16,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, refused, type Setting, scene } from './cases.ts'
import { type Field, openFrom } from './field.ts'

/** Says that the UPDATE which brought a route was the case's own. */
export const MARK = attribute(0x80, 4, '00000007')
export const EXTERNAL_PATH = attribute(0x40, 2, '02010000fde9')
export const EXTERNAL_PATH2 = attribute(0x40, 2, '0201fde9')
export const GOOD = MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF + TARGET

export const external: Setting = { host: HOST.external }
export const twoOctets = (host: number): Setting => ({
  host,
  open: { capabilities: { ...openFrom(host).capabilities, fourOctetAs: null } },
})
export const withFamilies = (families: number[], changes: Partial<Open['capabilities']> = {}): Setting => ({
  open: { capabilities: { ...openFrom(HOST.internal).capabilities, families, ...changes } },
})

/** Everything that a route needs, with one attribute taken out and another put in. */
export const instead = (without: string, broken: string, all = GOOD): string =>
  all.replace(without, '') + broken
export const besides = (broken: string): string => GOOD + broken
/** The same from AS 65001. */
export const fromOutside = (broken: string, path = EXTERNAL_PATH): string =>
  MP_REACH + ORIGIN + path + TARGET + broken

export const reach = (afi: number, safi: number, nextHop: string, nlri: string): string =>
  attribute(0x80, 14, `${u16(afi)}${octet(safi)}${octet(nextHop.length / 2)}${nextHop}00${nlri}`)
export const unreach = (afi: number, safi: number, nlri: string): string =>
  attribute(0x80, 15, `${u16(afi)}${octet(safi)}${nlri}`)
export const evpnReach = (nlri: string): string => reach(25, 70, '0a000001', nlri)
export const route = (type: number, body: string): string => octet(type) + octet(body.length / 2) + body

export const countersOf = (field: Field, host?: number): AdjRibIn['counters'] => ({
  ...field.bgpPeer(host).routesIn.counters,
})

/** A good route, so that there is something to lose. */
export async function advertiseGood(field: Field, { host = HOST.internal, open = {} }: Setting) {
  const peer = await field.at('Established', host, open)
  const { context } = field.bgpPeer(host).negotiated!
  const path = context.internal ? AS_PATH : context.fourOctetAs ? EXTERNAL_PATH : EXTERNAL_PATH2
  const good = update(MP_REACH + ORIGIN + path + (context.internal ? LOCAL_PREF : '') + TARGET)
  peer.send(good)
  await field.taken(peer, host)
  expect(field.routesFrom(host)).toHaveLength(1)
  return { peer, good, host }
}

/** The routes of the UPDATE are withdrawn, and nothing else happens. */
export function withdrawn(rfc: string, sent: string, attributes: string, setting: Setting = {}): Case {
  return scene(`${rfc}: ${sent} → treated as withdraw`, async (field) => {
    const { peer, good, host } = await advertiseGood(field, setting)
    const { treatedAsWithdraw } = countersOf(field, host)
    peer.send(update(attributes))
    await field.taken(peer, host)
    expect(field.routesFrom(host)).toEqual([])
    expect(countersOf(field, host).treatedAsWithdraw).toBe(treatedAsWithdraw + 1)
    peer.send(good)
    await field.taken(peer, host)
    expect(field.routesFrom(host)).toHaveLength(1)
  })
}

/** The route is kept, without what was wrong with it. */
export function kept(
  rfc: string,
  sent: string,
  attributes: string,
  expected: Partial<Attributes>,
  discarded = 1,
  setting: Setting = {},
): Case {
  return scene(`${rfc}: ${sent} → ${discarded === 0 ? 'taken' : 'attribute discarded'}`, async (field) => {
    const { peer, host } = await advertiseGood(field, setting)
    const { attributesDiscarded } = countersOf(field, host)
    peer.send(update(attributes + MARK))
    await field.taken(peer, host)
    const [taken, ...others] = field.routesFrom(host)
    expect(others).toEqual([])
    expect(taken!.set.attributes).toMatchObject({ multiExitDisc: 7, ...expected })
    expect(countersOf(field, host).attributesDiscarded).toBe(attributesDiscarded + discarded)
  })
}

export const reset = (
  rfc: string,
  sent: string,
  bytes: Buffer,
  expected: string,
  setting: Setting = {},
): Case => refused(rfc, sent, 'Established', bytes, expected, setting)

/** Some NLRI are quarantined, the others are accepted. */
export function quarantined(rfc: string, sent: string, bad: readonly string[], setting: Setting = {}): Case {
  return scene(`${rfc}: ${sent} → quarantined, the route beside it lives`, async (field) => {
    const peer = await field.at('Established', setting.host, setting.open)
    const { quarantined: before } = countersOf(field)
    for (const one of bad) {
      peer.send(update(evpnReach(one + TYPE3 + one) + WELL_KNOWN + TARGET))
      await field.taken(peer)
      expect(field.routesFrom(), one).toHaveLength(1)
      const shown = JSON.parse((await field.victim.get(`${peerPath(field)}/quarantine`)).body)
      expect(shown.at(-1), one).toEqual({ family: 'l2vpn/evpn', reason: expect.any(String), bytes: one })
      peer.send(update(unreach(25, 70, TYPE3)))
      await field.taken(peer)
      expect(field.routesFrom(), one).toEqual([])
    }
    expect(countersOf(field).quarantined).toBe(before + 2 * bad.length)
    const { body } = await field.victim.get(`${peerPath(field)}/routes`)
    expect(JSON.parse(body).quarantined).toBe(before + 2 * bad.length)
  })
}

export const peerPath = (field: Field): string => `/looking-glass/bgp/peers/${field.bgpPeer().sessions.name}`

export const RD = '00010a0000010007'
export const ESI = '00'.repeat(10)
export const TAG = '00000000'
export const MAC = 'dead0000beef'
