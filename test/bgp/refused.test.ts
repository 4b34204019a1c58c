import { describe, expect, test } from 'vitest'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, FLOWSPEC_VPNV4, familyName, IPV4_UNICAST, VPNV4 } from '../../src/bgp/family.ts'
import { decodeUpdate } from '../../src/bgp/message/update.ts'
import { ip } from '../support/speakers.ts'
import { AS_PATH, attribute, LOCAL_PREF, ORIGIN, update, WELL_KNOWN } from '../support/update-bytes.ts'
import {
  A,
  counters,
  EVPN_HEAD,
  evpn,
  FAMILIES,
  other,
  peer,
  RD,
  REST,
  reach,
  reflected,
  routes,
  send,
  speaker,
  TARGET,
  unreach,
  VPN,
  vpn,
} from './refused-setup.ts'

const ESI = '00'.repeat(10)
const FLOW = '0001860000'
const type5 = (esi: string, gateway: string, label: string): string =>
  evpn(5, `${RD}${esi}00000000180a630000${gateway}${label}`)

describe('a VPN label (RFC 8277 §2.2)', () => {
  test('counts with any bottom bit, and is sent with it set', () => {
    send(update(reach(VPN, vpn('000641')) + REST), update(reach(VPN, vpn('000fc0')) + REST))
    expect(routes(VPNV4)).toEqual(['10.88.1.0/24 label 252 rd 64512:77'])
    const [last] = other.of('update').slice(-1)
    expect(last!.update.reach[0]!.nlri).toMatchObject([{ label: 0x000fc1 }])
    expect(counters().quarantined).toBe(0)
  })

  test('that is one of several withdraws the route that was there', () => {
    send(update(reach(VPN, vpn('000641')) + REST))
    send(update(reach(VPN, vpn('000640000641', '88')) + REST))
    expect(routes(VPNV4)).toEqual([])
    expect(reflected(VPNV4)).toEqual({ advertised: 1, withdrawn: 1 })
    expect(counters().quarantined).toBe(1)
  })
})

describe('a route that is refused, and its key can be read, goes', () => {
  const good = type5(ESI, '00000000', '0003e9')
  test.each([
    ['both an ESI and a gateway (RFC 9136 §3.2)', good, type5('01'.repeat(10), '0a0000fe', '0003e9')],
    ['no ESI, no gateway, no label (RFC 9136 §3.1)', good, type5(ESI, '00000000', '000000')],
    [
      'octets behind a type 3 (RFC 7432 §7.3)',
      evpn(3, `${RD}0000000020c0000202`),
      evpn(3, `${RD}0000000020c000020200`),
    ],
    [
      'one octet too many for two labels (RFC 7432 §7.2)',
      evpn(2, `${RD}${ESI}0000000030020000000001000003e9`),
      evpn(2, `${RD}${ESI}0000000030020000000001000003e900`),
    ],
    [
      'a type 2 without its label (RFC 7432 §7.2)',
      evpn(2, `${RD}${ESI}0000000030020000000001000003e9`),
      evpn(2, `${RD}${ESI}00000000300200000000010000`),
    ],
    [
      'a type 1 without its label (RFC 7432 §7.1)',
      evpn(1, `${RD}${ESI}000000000003e9`),
      evpn(1, `${RD}${ESI}000000000003`),
    ],
  ])('%s', (_, before, after) => {
    send(update(reach(EVPN_HEAD, before) + REST))
    expect(routes(EVPN)).toHaveLength(1)
    send(update(reach(EVPN_HEAD, after) + REST))
    expect(routes(EVPN)).toEqual([])
    expect(reflected(EVPN)).toEqual({ advertised: 1, withdrawn: 1 })
    expect(counters().quarantined).toBe(1)
    send(update(reach(EVPN_HEAD, before) + REST))
    expect(routes(EVPN)).toHaveLength(1)
  })

  test.each([
    ['in MP_UNREACH_NLRI', unreach('001946', evpn(3, `${RD}0000000020c000020200`))],
    [
      'in an UPDATE that is treated as withdraw',
      update(reach(EVPN_HEAD, evpn(3, `${RD}0000000020c000020200`)) + AS_PATH + LOCAL_PREF),
    ],
  ])('%s too', (_, message) => {
    send(update(reach(EVPN_HEAD, evpn(3, `${RD}0000000020c0000202`)) + REST))
    expect(routes(EVPN)).toHaveLength(1)
    send(message)
    expect(routes(EVPN)).toEqual([])
  })

  test('a withdrawn type 5 needs neither label nor overlay index', () => {
    send(update(reach(EVPN_HEAD, good) + REST), unreach('001946', type5(ESI, '00000000', '000000')))
    expect(routes(EVPN)).toEqual([])
    expect(counters().quarantined).toBe(0)
  })

  test("a type 5 without a label may have a Router's MAC for its overlay index (RFC 9136 §3.2)", () => {
    const mac = attribute(0xc0, 16, '0002fc000000004d0603020000000001')
    send(update(reach(EVPN_HEAD, type5(ESI, '00000000', '000000')) + WELL_KNOWN + mac))
    expect(routes(EVPN)).toHaveLength(1)
  })
})

describe('an UPDATE with an empty MP_UNREACH_NLRI (RFC 4724 §2)', () => {
  const complete = () => speaker.peers.get(ip(A))!.routesIn.complete.keys()
  test.each([
    ['and routes', reach(VPN, vpn('000641')) + REST],
    ['and an empty MP_REACH_NLRI', reach(VPN, '') + REST],
    ['and an attribute', ORIGIN],
  ])('%s is no End-of-RIB', (_, besides) => {
    send(update(besides + attribute(0x80, 15, '000180')))
    expect([...complete()]).toEqual([])
    expect(speaker.peers.get(ip(A))!.sessions.state).toBe('Established')
  })

  test('and nothing else is one', () => {
    send(unreach('000180', ''))
    expect([...complete()]).toEqual([VPNV4])
  })

  test('IPv4 routes that were not agreed make no End-of-RIB of an UPDATE without attributes', () => {
    send(update('', { withdrawn: '00' }))
    expect([...complete()]).toEqual([])
  })
})

describe('AS_PATH from an internal peer', () => {
  test.each([
    ['our own AS is a loop (RFC 4271 §9.1.2)', attribute(0x40, 2, '02020000fde90000fc00')],
    ['a set of AS numbers (RFC 9774 §3)', attribute(0x40, 2, '02010000fde901010000fdea')],
    ['a set of confederation members (RFC 9774 §3)', attribute(0x40, 2, '04010000fdea')],
    ['a set in AS4_PATH (RFC 9774 §3)', AS_PATH + attribute(0xc0, 17, '01010000fdea')],
  ])('%s: the route goes', (_, path) => {
    send(update(reach(VPN, vpn('000641')) + REST))
    expect(routes(VPNV4)).toHaveLength(1)
    send(update(reach(VPN, vpn('000641')) + ORIGIN + path + LOCAL_PREF + TARGET))
    expect(routes(VPNV4)).toEqual([])
    expect(reflected(VPNV4)).toEqual({ advertised: 1, withdrawn: 1 })
  })
})

describe('FlowSpec', () => {
  test.each(['00', '04', '0c', '10', '18', '20', '30'])(
    'whose next hop has 0x%s octets is taken: it is ignored (RFC 8955 §4)',
    (length) => {
      const head = `000186${length}${'c0'.repeat(Number.parseInt(length, 16))}00`
      send(update(reach(head, `0b${RD}038106`) + REST))
      expect(routes(FLOWSPEC_VPNV4)).toHaveLength(1)
      expect([...speaker.rib.best(FLOWSPEC_VPNV4)][0]!.set.nextHop).toBeNull()
    },
  )

  test.each([
    ['padding of a prefix (RFC 8955 §4.2.2.1)', '0d', '01170a0001', '01170a0000'],
    ['the AND bit of a first comparison (RFC 8955 §4.2.1.1)', '0b', '03c106', '038106'],
    ['reserved bits of an operator (RFC 8955 §4.2.1.1)', '0b', '038906', '038106'],
    ['reserved bits of a bitmask operator (RFC 8955 §4.2.1.2)', '0b', '098d06', '098106'],
  ])('%s: one route, withdrawn in either form, and passed on without', (_, length, odd, plain) => {
    send(update(reach(FLOW, length + RD + odd) + REST), update(reach(FLOW, length + RD + plain) + REST))
    expect(routes(FLOWSPEC_VPNV4)).toHaveLength(1)
    const rules = other
      .of('update')
      .flatMap(({ update: { reach: lists } }) => lists.flatMap(({ nlri }) => nlri))
    for (const rule of rules)
      expect(rule).toMatchObject({ rule: Buffer.from(plain, 'hex').toString('latin1') })
    send(unreach('000186', length + RD + odd))
    expect(routes(FLOWSPEC_VPNV4)).toEqual([])
  })

  test('a length below 240 may take two octets (RFC 8955 §4.1)', () => {
    send(update(reach(FLOW, `f00b${RD}038106`) + REST), unreach('000186', `0b${RD}038106`))
    expect(routes(FLOWSPEC_VPNV4)).toEqual([])
    expect(counters().quarantined).toBe(0)
    expect(reflected(FLOWSPEC_VPNV4).advertised).toBeLessThanOrEqual(1)
  })
})

describe('routes of a family that was not agreed', () => {
  test('are counted, and nothing is kept of them', () => {
    send(update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '00'.repeat(4000) }))
    expect(counters().unwanted).toBe(4000)
    expect([...speaker.rib.best(IPV4_UNICAST)], familyName(IPV4_UNICAST)).toEqual([])
  })

  test('are not decoded', () => {
    const families = new Set(FAMILIES)
    const { reach: lists } = decodeUpdate(
      update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '00'.repeat(4000) }),
      { ...DEFAULT_CONTEXT, families },
    )
    expect(lists).toMatchObject([{ nlri: [], quarantined: [], ignored: 4000 }])
  })

  test('are framed all the same: what cannot be located resets (RFC 7606 §5.3)', () => {
    send(update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '210a00000000' }))
    expect(peer.notification).toBe('3/10')
  })
})
