import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readLink } from '../../src/dataplane/linux/decode.ts'
import { readNeighbour } from '../../src/dataplane/linux/decode-neighbour.ts'
import { messages, NetlinkAttributes } from '../../src/dataplane/linux/message.ts'
import * as e from './entries.ts'
import {
  AF_BRIDGE,
  AF_INET,
  AttrStream,
  dst,
  lladdr,
  oracle,
  putMap,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
} from './netlink-oracle-setup.ts'

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
    [
      'of a VXLAN device, of which the kernel repeats the address alone',
      {
        family: AF_BRIDGE,
        ifindex: 7,
        flags: { self: true },
        state: { noarp: true, reachable: true },
      } as const,
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
