import { beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  familyName,
  IPV4_UNICAST,
  ROUTE_TARGET,
  VPNV4,
} from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { decodeUpdate } from '../../src/bgp/message/update.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  ORIGIN,
  octet,
  u16,
  update,
  WELL_KNOWN,
} from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const A = '10.77.0.11'
const B = '10.77.0.12'
const FAMILIES = [EVPN, VPNV4, FLOWSPEC_VPNV4]
const RD = '0000fc000000004d'
const ESI = '00'.repeat(10)
const TARGET = attribute(0xc0, 16, '0002fc000000004d')
const REST = WELL_KNOWN + TARGET

let clock: VirtualClock
let speaker: Speaker
/** Sends; the other, a client like it, hears what is reflected. */
let peer: RawPeer
let other: RawPeer

beforeEach(() => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const client = { passive: true, reflectorClient: true, families: FAMILIES }
  const peers = [A, B].map((address) => peerConfig(address, client))
  speaker = speakerAt(RR, peers, clock, network, { clusterId: ip(RR), routeTargetConstraint: false })
  const capabilities = { ...noCapabilities(), families: FAMILIES, fourOctetAs: 64512 }
  const connect = (address: string, identifier: number): RawPeer =>
    RawPeer.connect(network.transport, ip(address), ip(RR), 179).behave({ identifier, capabilities })
  peer = connect(A, 11)
  other = connect(B, 12)
  clock.advance(1000)
})

const reach = (head: string, nlri: string): string => attribute(0x80, 14, `${head}${nlri}`)
const VPN = '0001800c0000000000000000c000020200'
const EVPN_HEAD = '00194604c000020200'
const FLOW = '0001860000'
const unreach = (head: string, nlri: string): Buffer => update(attribute(0x80, 15, head + nlri))

const vpn = (label: string, bits = '70'): string => `${bits}${label}${RD}0a5801`
const evpn = (type: number, body: string): string => octet(type) + octet(body.length / 2) + body
const type5 = (esi: string, gateway: string, label: string): string =>
  evpn(5, `${RD}${esi}00000000180a630000${gateway}${label}`)

function send(...messages: readonly Buffer[]): void {
  peer.send(...messages)
  clock.advance(1000)
}

/** The routes of the sender in the RIB, in words. */
function routes(family: Family): string[] {
  return [...speaker.rib.best(family)].map(({ nlri }) => nlriCodec(family)!.format(nlri))
}

/** How often a family's routes were advertised to the other client and withdrawn from it. */
function reflected(family: Family): { readonly advertised: number; readonly withdrawn: number } {
  const count = (lists: readonly { family: Family; nlri: readonly unknown[] }[]): number =>
    lists.filter((list) => list.family === family).reduce((sum, { nlri }) => sum + nlri.length, 0)
  const updates = other.of('update')
  return {
    advertised: count(updates.flatMap(({ update: { reach: lists } }) => lists)),
    withdrawn: count(updates.flatMap(({ update: { unreach: lists } }) => lists)),
  }
}

const counters = () => speaker.peers.get(ip(A))!.routesIn.counters

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

describe('TUNNEL_ENCAPSULATION (RFC 9012 §13)', () => {
  const subTlv = (type: number, value: string): string =>
    octet(type) + (type < 128 ? octet : u16)(value.length / 2) + value
  const tunnel = (type: string, ...subTlvs: readonly string[]): string =>
    type + u16(subTlvs.join('').length / 2) + subTlvs.join('')
  const endpoint = (afi: number, address: string): string => subTlv(6, `00000000${u16(afi)}${address}`)
  const END = endpoint(1, 'c0000202')
  const END6 = endpoint(2, `20010db8${'00'.repeat(11)}01`)
  const OTHER = tunnel('0002', END6)
  const encapsulation = (value: string): string => attribute(0xc0, 23, value)
  const passedOn = (): string => {
    const found = other.of('update').find(({ update: { reach: lists } }) => lists.length > 0)
    return Buffer.from(found!.update.wire, 'latin1').toString('hex')
  }

  test.each([
    ['whose sub-TLV overruns its tunnel', '0008000402040180'],
    ['whose sub-TLV of a long length overruns its tunnel', '0008000482000201'],
    ['whose tunnel ends within a sub-TLV header', '0008000102'],
    ['whose tunnel overruns', '000800050204'],
    ['without a tunnel', ''],
    ['whose tunnel has no endpoint', tunnel('0008')],
    ['whose tunnel has two endpoints', tunnel('0008', END, END)],
    ['whose tunnel of an unknown type has no endpoint', tunnel('fffe', subTlv(2, 'ab'))],
    ['whose endpoint has no room for its family', tunnel('0008', subTlv(6, '0000000000'))],
    ['whose endpoint of no family has an address', tunnel('0008', endpoint(0, 'c0000202'))],
    ['whose endpoint is cut', tunnel('0008', endpoint(1, 'c00002'))],
    ['whose endpoint is one octet too long', tunnel('0008', endpoint(1, 'c000020200'))],
    ['whose endpoint has an address of another family', tunnel('0008', endpoint(2, 'c0000202'))],
    ['whose endpoint is no host', tunnel('0008', endpoint(1, '7f000001'))],
    ['whose endpoint is on a link', tunnel('0008', endpoint(2, `fe80${'00'.repeat(13)}01`))],
  ])('%s withdraws the route, and is not passed on', (_, value) => {
    send(update(reach(VPN, vpn('000641')) + REST))
    send(update(reach(VPN, vpn('000641')) + REST + attribute(0xc0, 23, value)))
    expect(routes(VPNV4)).toEqual([])
    expect(reflected(VPNV4)).toEqual({ advertised: 1, withdrawn: 1 })
    expect(counters().treatedAsWithdraw).toBe(1)
  })

  test.each([
    ['an endpoint alone', tunnel('0008', END)],
    ['the next hop for its endpoint', tunnel('0008', endpoint(0, ''))],
    ['an endpoint of IPv6', tunnel('0008', END6)],
    ['an endpoint of an unknown family', tunnel('0008', endpoint(16397, 'ab'))],
    ['reserved octets that are not zero', tunnel('0008', subTlv(6, 'ffffffff0001c0000202'))],
    ['sub-TLVs of both length fields', tunnel('0008', END, subTlv(2, '0180'), subTlv(130, 'abcd'))],
    ['an unknown tunnel type', tunnel('fffe', END, subTlv(2, 'ab'))],
    ['an unknown sub-TLV', tunnel('0008', END, subTlv(99, 'ab'))],
    ['a malformed sub-TLV', tunnel('0008', subTlv(1, ''), END, subTlv(8, 'ab'))],
    ['a sub-TLV twice that is to be there once', tunnel('0008', END, subTlv(8, '12b5'), subTlv(8, '0001'))],
    ['a sub-TLV that its tunnel type has no use for', tunnel('0007', END, subTlv(8, '12b5'))],
  ])('with %s is passed on as it is', (_, value) => {
    send(update(reach(VPN, vpn('000641')) + REST + encapsulation(value)))
    expect(passedOn()).toContain(encapsulation(value))
    expect(counters().attributesDiscarded).toBe(0)
  })

  test.each([
    ['without an endpoint', tunnel('0008')],
    ['with two', tunnel('0008', END, END)],
    ['with a malformed one', tunnel('0008', endpoint(1, 'c00002'))],
  ])('a tunnel %s is left out of what is passed on', (_, bad) => {
    send(update(reach(VPN, vpn('000641')) + REST + encapsulation(OTHER + bad + OTHER)))
    expect(passedOn()).toContain(encapsulation(OTHER + OTHER))
    expect(counters().attributesDiscarded).toBe(1)
  })

  test('memberships need no endpoint, beside a route with the same octets', () => {
    const network = new VirtualNetwork(clock)
    const families = [EVPN, ROUTE_TARGET]
    const client = peerConfig(A, { passive: true, reflectorClient: true, families })
    const { rib } = speakerAt(RR, [client], clock, network, { clusterId: ip(RR) })
    const capabilities = { ...noCapabilities(), families, fourOctetAs: 64512 }
    const member = RawPeer.connect(network.transport, ip(A), ip(RR), 179).behave({
      identifier: 11,
      capabilities,
    })
    clock.advance(1000)
    const attributes = REST + encapsulation(OTHER + tunnel('0008'))
    member.send(
      update(reach(EVPN_HEAD, evpn(3, `${RD}0000000020c0000202`)) + attributes),
      update(reach('00018404c000020200', '00') + attributes),
    )
    clock.advance(1000)
    const tunnels = families.map((family) =>
      [...rib.best(family)].map(({ set }) => set.attributes.tunnelEncapsulation?.length),
    )
    expect(tunnels).toEqual([[1], [2]])
  })
})

describe('PREFIX_SID (RFC 8669 §6)', () => {
  test.each([
    ['label index', '010006000000000000'],
    ['originator SRGB', '030007000000000000ab'],
  ])('with an %s of a wrong length is dropped, and the route kept', (_, value) => {
    send(update(reach(VPN, vpn('000641')) + REST + attribute(0xc0, 40, value)))
    expect(routes(VPNV4)).toHaveLength(1)
    expect(counters().attributesDiscarded).toBe(1)
    expect(Buffer.from(other.of('update').at(-1)!.update.wire, 'latin1').toString('hex')).not.toContain(
      attribute(0xc0, 40, value),
    )
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
