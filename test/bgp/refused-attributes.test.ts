import { describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { attribute, octet, u16, update } from '../support/update-bytes.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import {
  A,
  clock,
  counters,
  EVPN_HEAD,
  evpn,
  other,
  RD,
  REST,
  RR,
  reach,
  reflected,
  routes,
  send,
  VPN,
  vpn,
} from './refused-setup.ts'

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
