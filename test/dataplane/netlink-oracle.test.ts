import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TableEntry } from '../../src/dataplane/kinds/index.ts'
import { setPortOptions } from '../../src/dataplane/linux/bridge-port.ts'
import { readLink } from '../../src/dataplane/linux/decode.ts'
import { readNeighbour } from '../../src/dataplane/linux/decode-neighbour.ts'
import * as encode from '../../src/dataplane/linux/encode.ts'
import { adjustLink, createLink } from '../../src/dataplane/linux/encode-link.ts'
import { linuxDefinition } from '../../src/dataplane/linux/kinds/index.ts'
import {
  messages,
  NetlinkAttributes,
  type NetlinkMessage,
  NetlinkWriter,
} from '../../src/dataplane/linux/message.ts'
import * as e from './entries.ts'

/** The pure codecs of the npm package `netlink`: an independent reading of the kernel's headers. */
const require = createRequire(import.meta.url)
const oracle: typeof import('netlink/dist/rt/structs.js') = require('netlink/dist/rt/structs.js')
const {
  getMap,
  putMap,
  AttrStream,
}: typeof import('netlink/dist/structs.js') = require('netlink/dist/structs.js')

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_SETLINK = 19
const RTM_NEWNEIGH = 28
const RTM_DELNEIGH = 29
const CREATE_REPLACE = 0x501
const AF_INET = 2
const AF_BRIDGE = 7
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
const lladdr = Buffer.from('020000000001', 'hex')
const dst = Buffer.from([192, 0, 2, 2])

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
    expect(delay?.options).toEqual(new Map([[1, Buffer.alloc(4)]]))
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

describe('what others write, read by us', () => {
  const directory = {
    nameOf: (index: number) =>
      new Map([
        [7, 'vx0'],
        [9, 'br0'],
        [8, 'tap1'],
      ]).get(index),
    vniOf: (name: string) => (name === 'vx0' ? e.VNI : null),
    isBridge: (name: string) => name === 'br0',
    isExternal: () => false,
  }

  function read(message: Parameters<typeof oracle.formatNeighborMessage>[0], known = directory) {
    const out = new AttrStream()
    oracle.formatNeighborMessage(message, out)
    const bytes = Buffer.concat(out.bufs)
    return readNeighbour(
      { bytes, type: RTM_NEWNEIGH, flags: 0, sequence: 0, port: 0, start: 0, end: bytes.length },
      known,
    )
  }

  test.each([
    [{ dst }, { entry: e.remote(1), marked: true }],
    [
      { dst, vni: Buffer.from([44, 1, 0, 0]) },
      { entry: e.remote(1, '192.0.2.2', 300), marked: true },
    ],
    [
      { dst, lladdr: Buffer.alloc(6) },
      { entry: e.flood('192.0.2.2'), marked: true },
    ],
  ])("the VXLAN device's half: %#", (attrs, observed) => {
    const bits = { flags: { self: true, extLearned: true }, state: { noarp: true, reachable: true } } as const
    const data = { family: AF_BRIDGE, ifindex: 7, ...bits }
    expect(read({ kind: 'neighbor', data, attrs: { lladdr, ...attrs } })).toEqual({ bridge: null, observed })
  })

  test.each([
    ['without our mark', {}, false, { marked: false, isHalfSet: false }],
    ['in a bridge of ours', { extLearned: true }, false, { marked: true, isHalfSet: false }],
    ['in an external bridge, not sticky yet', { extLearned: true }, true, { marked: false, isHalfSet: true }],
  ] as const)("the bridge's half, %s", (_what, flags, isExternal, { marked, isHalfSet }) => {
    const data = { family: AF_BRIDGE, ifindex: 8, flags }
    const message = { kind: 'neighbor', data, attrs: { lladdr, master: 9 } } as const
    expect(read(message, { ...directory, isExternal: () => isExternal })).toEqual({
      bridge: 'br0',
      observed: { entry: e.local(1), marked },
      isHalfSet,
    })
  })

  test('a static entry of others is theirs', () => {
    const data = { family: AF_BRIDGE, ifindex: 8, state: { noarp: true } as const }
    expect(read({ kind: 'neighbor', data, attrs: { lladdr, master: 9 } })).toMatchObject({
      observed: { entry: e.local(1), marked: false, external: true },
    })
  })

  test('an address of the host is not ours, though it has our mark', () => {
    const bits = { flags: { extLearned: true }, state: { permanent: true } } as const
    const data = { family: AF_BRIDGE, ifindex: 8, ...bits }
    expect(read({ kind: 'neighbor', data, attrs: { lladdr, master: 9 } })).toEqual({
      bridge: 'br0',
      observed: { entry: e.local(1), marked: false },
      isHalfSet: false,
    })
  })

  test('a neighbour', () => {
    const data = { family: AF_INET, ifindex: 9, flags: { extLearned: true }, state: { noarp: true } } as const
    expect(read({ kind: 'neighbor', data, attrs: { lladdr, dst } })).toEqual({
      bridge: null,
      observed: { entry: e.neighbour('192.0.2.2', 1), marked: true },
    })
  })

  test.each([
    ['of an unknown device', { family: AF_BRIDGE, ifindex: 99 }, {}],
    ['of one VLAN', { family: AF_BRIDGE, ifindex: 8 }, { master: 9, vlan: 10 }],
    [
      'of a device that is neither port nor VXLAN',
      { family: AF_BRIDGE, ifindex: 8, flags: { self: true } as const },
      {},
    ],
    ['of a proxy', { family: AF_INET, ifindex: 9, flags: { proxy: true } as const }, { dst }],
  ])('an entry %s is passed over', (_what, data, attrs) => {
    expect(read({ kind: 'neighbor', data, attrs: { lladdr, ...attrs } })).toBeUndefined()
  })

  test('a VXLAN device in a bridge', () => {
    const attributes = (...pairs: [number, Buffer][]): Buffer => {
      const out = new AttrStream()
      out.emit(putMap(new Map(pairs), (value: Buffer) => value))
      return Buffer.concat(out.bufs)
    }
    const linkinfo = attributes(
      [1, Buffer.from('vxlan\0')],
      [
        2,
        attributes(
          [1, Buffer.from([e.VNI, 0, 0, 0])],
          [4, Buffer.from([192, 0, 2, 1])],
          [7, Buffer.from([0])],
          [15, Buffer.from([0x12, 0xb5])],
        ),
      ],
      [4, Buffer.from('bridge\0')],
      [5, attributes([8, Buffer.from([0])], [32, Buffer.from([1])])],
    )
    const out = new AttrStream()
    oracle.formatLinkMessage(
      {
        kind: 'link',
        data: { index: 7, type: 1, flags: { up: true } },
        attrs: { ifname: 'vx0', ifalias: 'chanter:net1', mtu: 8950, master: 9, linkinfo },
      },
      out,
    )
    const bytes = Buffer.concat(out.bufs)
    expect(
      readLink({ bytes, type: RTM_NEWLINK, flags: 0, sequence: 0, port: 0, start: 0, end: bytes.length }),
    ).toEqual({
      name: 'vx0',
      carrier: false,
      index: 7,
      kind: 'vxlan',
      alias: 'chanter:net1',
      master: 9,
      up: true,
      takesZeroChecksums: false,
      vni: e.VNI,
      local: e.ip('192.0.2.1'),
      port: 4789,
      mtu: 8950,
      peer: null,
      mac: null,
      ethernet: true,
      loopback: false,
      flowBased: false,
      outdated: false,
      learns: false,
      lower: 0,
      encapsulation: null,
      table: null,
      tuned: true,
      learning: false,
      neighSuppress: true,
      slaveKind: 'bridge',
      bridgePort: { state: 0, learning: false, neighSuppress: true, open: true },
      stp: false,
      operational: true,
      generatesAddresses: false,
      xdpProgram: null,
      protoDown: false,
      filtersVlans: false,
    })
  })
})

test('bytes that are no messages are read without an error and without end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
      const bytes = Buffer.from(random)
      for (const message of messages(bytes, bytes.length)) {
        expect(message.end).toBeLessThanOrEqual(bytes.length)
        const attributes = new NetlinkAttributes(bytes, message.start, message.end)
        while (attributes.next()) expect(attributes.at + attributes.length).toBeLessThanOrEqual(message.end)
      }
    }),
    { seed: 1 },
  )
})
