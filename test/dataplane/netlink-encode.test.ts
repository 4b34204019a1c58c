import { describe, expect, test } from 'vitest'
import type { TableEntry } from '../../src/dataplane/kinds/index.ts'
import { setPortOptions } from '../../src/dataplane/linux/bridge-port.ts'
import * as encode from '../../src/dataplane/linux/encode.ts'
import { adjustLink, createLink } from '../../src/dataplane/linux/encode-link.ts'
import { linuxDefinition } from '../../src/dataplane/linux/kinds/index.ts'
import { messages, type NetlinkMessage, NetlinkWriter } from '../../src/dataplane/linux/message.ts'
import * as e from './entries.ts'
import {
  AF_BRIDGE,
  AF_INET,
  dst,
  getMap,
  lladdr,
  oracle,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
} from './netlink-oracle-setup.ts'

const RTM_DELLINK = 17
const RTM_SETLINK = 19
const RTM_DELNEIGH = 29
const CREATE_REPLACE = 0x501
const AF_INET6 = 10

function written(write: (batch: encode.Batch) => void): NetlinkMessage[] {
  const writer = new NetlinkWriter()
  let sequence = 0
  write({ writer, begin: (type, flags) => writer.begin(type, flags, ++sequence), end: () => writer.end() })
  return [...messages(writer.bytes, writer.length)]
}

function payload({ bytes, start, end }: NetlinkMessage): Buffer {
  return Buffer.from(bytes.subarray(start, end))
}

function neighbourOf(write: (batch: encode.Batch) => void) {
  const [message, ...others] = written(write)
  if (message === undefined || others.length > 0) throw new Error('not one message')
  const { data, attrs } = oracle.parseNeighborMessage(payload(message))
  return { ...data, ...attrs, type: message.type }
}

function linkOf(message: NetlinkMessage) {
  const { data, attrs } = oracle.parseLinkMessage(payload(message))
  const info = attrs.linkinfo && getMap(attrs.linkinfo, (value: Buffer) => value)
  const nested = info?.get(2)
  const options = nested && getMap(nested, (value: Buffer) => value)
  return { type: message.type, flags: message.flags, data, attrs, kind: info?.get(1)?.toString(), options }
}

const vxlan6 = { ...e.vxlan, local: e.ip('2001:db8::1') }
const SOURCE_6 = Buffer.from('20010db8000000000000000000000001', 'hex')

const target = { index: 7, vni: e.VNI }

describe('what we write, read by others', () => {
  test.each<[string, TableEntry, object]>([
    [
      'a local MAC',
      e.local(1),
      {
        flags: CREATE_REPLACE,
        family: AF_BRIDGE,
        state: { noarp: true },
        flag: { master: true, extLearned: true },
        lladdr,
      },
    ],
    [
      'a remote MAC with the VNI of the device',
      e.remote(1),
      {
        flags: CREATE_REPLACE,
        family: AF_BRIDGE,
        state: { noarp: true, reachable: true },
        flag: { self: true, master: true, extLearned: true },
        lladdr,
        dst,
      },
    ],
    [
      'a remote MAC with another VNI',
      e.remote(1, '2001:db8::2', 300),
      {
        flags: CREATE_REPLACE,
        family: AF_BRIDGE,
        state: { noarp: true, reachable: true },
        flag: { self: true, master: true, extLearned: true },
        lladdr,
        dst: Buffer.from('20010db8000000000000000000000002', 'hex'),
        vni: Buffer.from([300 & 255, 300 >> 8, 0, 0]),
      },
    ],
    [
      'a flood entry',
      e.flood('192.0.2.2'),
      {
        flags: 0xc01,
        family: AF_BRIDGE,
        state: { noarp: true, reachable: true },
        flag: { self: true, extLearned: true },
        lladdr: Buffer.alloc(6),
        dst,
        vni: Buffer.from([e.VNI, 0, 0, 0]),
      },
    ],
    [
      'a neighbour',
      e.neighbour('192.0.2.2', 1),
      {
        flags: CREATE_REPLACE,
        family: AF_INET,
        state: { noarp: true },
        flag: { extLearned: true },
        lladdr,
        dst,
      },
    ],
    [
      'an IPv6 neighbour',
      e.neighbour('2001:db8::2', 1),
      {
        flags: CREATE_REPLACE,
        family: AF_INET6,
        state: { noarp: true },
        flag: { extLearned: true },
        lladdr,
        dst: Buffer.from('20010db8000000000000000000000002', 'hex'),
      },
    ],
    [
      'an IPv6 router',
      e.neighbour('2001:db8::2', 1, true),
      {
        flags: CREATE_REPLACE,
        family: AF_INET6,
        state: { noarp: true },
        flag: { extLearned: true, router: true },
        lladdr,
        dst: Buffer.from('20010db8000000000000000000000002', 'hex'),
      },
    ],
  ])('%s', (_what, entry, expected) => {
    const [message, ...others] = written((batch) =>
      linuxDefinition(entry.kind).encode?.(batch, entry, target, () => 0),
    )
    if (message === undefined) throw new Error('nothing written')
    expect(others).toEqual([])
    const { data, attrs } = oracle.parseNeighborMessage(payload(message))
    const { flags: flag, family, state, ifindex } = data
    expect({ flags: message.flags, family, state, flag, ...attrs }).toEqual(expected)
    expect(ifindex).toBe(7)
    expect(message.type).toBe(RTM_NEWNEIGH)
  })

  test.each<[string, TableEntry, object]>([
    ['a local MAC', e.local(1), { flags: { master: true }, lladdr }],
    ['a remote MAC', e.remote(1), { flags: { self: true, master: true }, lladdr }],
    [
      'a flood entry',
      e.flood('192.0.2.2'),
      { flags: { self: true }, lladdr: Buffer.alloc(6), dst, vni: Buffer.from([e.VNI, 0, 0, 0]) },
    ],
    ['a neighbour', e.neighbour('192.0.2.2', 1), { flags: {}, dst }],
  ])('the removal of %s', (_what, entry, expected) => {
    const removal = neighbourOf((batch) => linuxDefinition(entry.kind).encodeRemoval?.(batch, entry, target))
    expect(removal).toMatchObject({ type: RTM_DELNEIGH, ifindex: 7, ...expected })
  })

  test("the removal of the VXLAN device's half", () => {
    const removal = neighbourOf((batch) =>
      linuxDefinition('remote-mac').encodeOtherRemoval?.(batch, e.remote(1), target),
    )
    expect(removal).toMatchObject({ type: RTM_DELNEIGH, family: AF_BRIDGE, flags: { self: true }, lladdr })
  })

  test('a bridge, its mark in the same batch', () => {
    const [create, adjust, delay] = written((batch) => {
      createLink(batch, e.bridge, true)
      adjustLink(batch, e.bridge, undefined, { all: () => [] })
    }).map(linkOf)
    expect(create).toMatchObject({
      type: RTM_NEWLINK,
      flags: 0x601,
      kind: 'bridge\0',
      attrs: { ifname: 'br0' },
    })
    expect((create?.attrs.address?.[0] ?? 0) & 0x03).toBe(0x02)
    expect(adjust).toMatchObject({
      type: RTM_NEWLINK,
      flags: 1,
      data: { index: 0, flags: {}, change: {} },
      attrs: { ifname: 'br0', ifalias: 'chanter:net1' },
    })
    expect(adjust?.options).toEqual(
      new Map([
        [4, Buffer.from([0x30, 0x75, 0, 0])], // ageing_time
        [5, Buffer.alloc(4)], // stp_state
        [9, Buffer.alloc(2)], // group_fwd_mask
        [23, Buffer.alloc(1)], // mcast_snooping
      ]),
    )
    expect(delay?.options).toEqual(
      new Map([
        [1, Buffer.alloc(4)], // forward_delay
        [39, Buffer.alloc(2)], // vlan_default_pvid
      ]),
    )
  })

  test.each([
    ['IPv4', e.vxlan, true, [4, Buffer.from([192, 0, 2, 1])], []],
    ['IPv6', vxlan6, true, [17, SOURCE_6], [[20, Buffer.from([1])] as const]],
    ['IPv6, beside others that check', vxlan6, false, [17, SOURCE_6], []],
  ] as const)('a VXLAN device with an %s source', (_family, vxlan, zeroChecksums, local, more) => {
    const [create] = written((batch) => createLink(batch, vxlan, zeroChecksums)).map(linkOf)
    expect(create?.kind).toBe('vxlan\0')
    expect(create?.options).toEqual(
      new Map([
        [1, Buffer.from([e.VNI, 0, 0, 0])],
        local,
        [15, Buffer.from([0x12, 0xb5])],
        [5, Buffer.from([0])],
        [7, Buffer.from([0])],
        ...more,
      ]),
    )
  })

  test('a port', () => {
    const [master, options] = written((batch) => {
      encode.setMaster(batch, 7, 9)
      setPortOptions(batch, 7, e.vxlanPort)
    }).map(linkOf)
    expect(master).toMatchObject({ type: RTM_SETLINK, data: { index: 7, family: 0 }, attrs: { master: 9 } })
    expect(options).toMatchObject({ type: RTM_SETLINK, data: { index: 7, family: AF_BRIDGE } })
    const protinfo = options?.attrs.protinfo
    expect(protinfo).toBeInstanceOf(Map)
    expect([...(protinfo as Map<number, Buffer>)].filter(([type]) => [8, 32, 31, 33].includes(type))).toEqual(
      [
        [8, Buffer.from([0])], // learning
        [32, Buffer.from([1])], // neigh_suppress
        [31, Buffer.from([0xfd, 0xff])], // group_fwd_mask
        [33, Buffer.from([0])], // isolated
      ],
    )
  })

  test('the deletion of a link', () => {
    const [deletion] = written((batch) => encode.deleteLink(batch, 7)).map(linkOf)
    expect(deletion).toMatchObject({ type: RTM_DELLINK, data: { index: 7 } })
  })
})
