import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import type { TableEntry } from '../../src/dataplane/kinds/index.ts'
import { readAddress, readRoute } from '../../src/dataplane/linux/decode-ip.ts'
import { readNeighbour } from '../../src/dataplane/linux/decode-neighbour.ts'
import { readNexthop } from '../../src/dataplane/linux/decode-nexthop.ts'
import type { Batch } from '../../src/dataplane/linux/encode.ts'
import { createLink } from '../../src/dataplane/linux/encode-link.ts'
import { createGroup, createNexthop } from '../../src/dataplane/linux/encode-nexthop.ts'
import { linuxDefinition } from '../../src/dataplane/linux/kinds/index.ts'
import { messages, type NetlinkMessage, NetlinkWriter } from '../../src/dataplane/linux/message.ts'
import * as e from './ip-entries.ts'
import { TABLES } from './ip-entries.ts'

/** The pure codecs of the npm package `netlink`: an independent reading of the kernel's headers. */
const require = createRequire(import.meta.url)
const oracle: typeof import('netlink/dist/rt/structs.js') = require('netlink/dist/rt/structs.js')
const structs: typeof import('netlink/dist/rt/gen_structs.js') = require('netlink/dist/rt/gen_structs.js')
const { getMap }: typeof import('netlink/dist/structs.js') = require('netlink/dist/structs.js')

const INDEXES = new Map([
  ['lo', 1],
  ['bvrf-1', 3],
  ['tap1', 5],
  ['core0', 7],
  ['gre-2', 9],
])
const indexOf = (device: string) => INDEXES.get(device) ?? 0
const directory = {
  nameOf: (index: number) => [...INDEXES].find(([, each]) => each === index)?.[0],
  vrfOf: (table: number) => (table === TABLES[0] ? 'bvrf-1' : undefined),
  hopsOf: () => [],
  vniOf: () => null,
  isExternal: () => false,
  isBridge: () => false,
}

function written(write: (batch: Batch) => void): NetlinkMessage {
  const writer = new NetlinkWriter()
  write({ writer, begin: (type, flags) => writer.begin(type, flags, 1), end: () => writer.end() })
  const [message, ...others] = messages(writer.bytes, writer.length)
  if (message === undefined || others.length > 0) throw new Error('not one message')
  return message
}

const set = (entry: TableEntry) =>
  written((batch) => {
    const target = { index: indexOf(entry.device), vni: null }
    linuxDefinition(entry.kind).encode?.(batch, entry, target, indexOf)
  })

function payload({ bytes, start, end }: NetlinkMessage): Buffer {
  return Buffer.from(bytes.subarray(start, end))
}

function routeOf(message: NetlinkMessage) {
  const { data, attrs } = oracle.parseRouteMessage(payload(message))
  const encap = attrs.encap && getMap(attrs.encap, (value: Buffer) => value)
  return { type: message.type, flags: message.flags, data, attrs, labels: encap?.get(1)?.toString('hex') }
}

const CREATE_REPLACE = 0x501

describe('what we write, read by others', () => {
  test('a route with labels', () => {
    const { type, flags, data, attrs, labels } = routeOf(
      set(e.route('10.1.0.0/16', ['core0 via 192.0.2.2 push 100/200'])),
    )
    expect([type, flags]).toEqual([24, CREATE_REPLACE])
    expect(data).toMatchObject({
      family: 2,
      dstLen: 16,
      table: 0,
      protocol: 19,
      scope: 'UNIVERSE',
      type: 'UNICAST',
    })
    expect(data.flags).toMatchObject({ __unknown: 4 }) // RTNH_F_ONLINK
    expect(attrs).toMatchObject({ table: TABLES[0], oif: 7, priority: 20, encapType: 1 })
    expect([attrs.dst, attrs.gateway].map((bytes) => bytes?.toString('hex'))).toEqual([
      '0a010000',
      'c0000202',
    ])
    expect(labels).toBe('00064000000c8100')
  })

  test('a route by several next hops', () => {
    const { attrs } = routeOf(
      set(e.route('10.1.0.0/16', ['core0 via 192.0.2.2 push 100 weight 3', 'gre-2 push 101'])),
    )
    const list = attrs.multipath ?? Buffer.alloc(0)
    const first = structs.parseRouteNextHop(list.subarray(0, 8))
    expect(first).toMatchObject({ hops: 2, ifindex: 7, flags: { onlink: true } })
    const second = structs.parseRouteNextHop(list.subarray(first.len, (first.len ?? 0) + 8))
    expect(second).toMatchObject({ hops: 0, ifindex: 9, flags: {} })
    expect((first.len ?? 0) + (second.len ?? 0)).toBe(list.length)
  })

  test('a route to a port, and what is unreachable', () => {
    expect(routeOf(set(e.route('10.0.0.5/32', ['tap1']))).data).toMatchObject({ scope: 'LINK', flags: {} })
    const { data, attrs } = routeOf(set(e.unreachable('::/0')))
    expect(data).toMatchObject({ family: 10, dstLen: 0, type: 'UNREACHABLE', protocol: 19 })
    expect(attrs).toMatchObject({ table: TABLES[0], priority: 4278198272 })
  })

  test('a label', () => {
    const { data, attrs } = routeOf(set(e.label(100, 'bvrf-1')))
    expect(data).toMatchObject({ family: 28, dstLen: 20, table: 254, protocol: 19, type: 'UNICAST' })
    expect(attrs.dst?.toString('hex')).toBe('00064100')
    expect(attrs.oif).toBe(3)
  })

  test('a removal names our protocol, so that the routes of others stay', () => {
    const removal = written((batch) =>
      linuxDefinition('route').encodeRemoval?.(batch, e.route('10.1.0.0/16', ['tap1']), {
        index: 3,
        vni: null,
      }),
    )
    const { type, data, attrs } = routeOf(removal)
    expect(type).toBe(25)
    expect(data).toMatchObject({ protocol: 19, scope: 'NOWHERE' })
    expect(attrs).toMatchObject({ priority: 20, table: TABLES[0] })
  })

  test('an address', () => {
    const { data, attrs } = oracle.parseAddressMessage(payload(set(e.address('2001:db8::1/64'))))
    expect(data).toMatchObject({ family: 10, prefixlen: 64, index: 5 })
    expect(attrs.flags).toEqual({ nodad: true, noprefixroute: true })
    expect(attrs.local).toEqual(attrs.address)
    expect(attrs.rtPriority).toBe(20)
  })

  test('a fixed neighbour, and one that is answered for', () => {
    const fixed = oracle.parseNeighborMessage(payload(set(e.fixed('10.0.0.5', 5))))
    expect(fixed.data).toMatchObject({ ifindex: 5, state: { permanent: true }, flags: { extLearned: true } })
    const proxy = oracle.parseNeighborMessage(payload(set(e.proxy('2001:db8::9'))))
    expect(proxy.data).toMatchObject({ ifindex: 5, flags: { proxy: true } })
    expect([...(proxy.attrs.protocol ?? [])]).toEqual([19])
  })

  test('a veth pair: its other end has a name', () => {
    const veth = e.end('end-v', 'end-e', 7)
    const { attrs } = oracle.parseLinkMessage(payload(written((batch) => createLink(batch, veth, true))))
    const map = (bytes: Buffer | undefined) => bytes && getMap(bytes, (value: Buffer) => value)
    const peer = map(map(attrs.linkinfo)?.get(2))?.get(1)
    const other = peer && oracle.parseLinkMessage(peer)
    expect([attrs.ifname, other?.attrs.ifname]).toEqual(['end-v', 'end-e'])
    expect(attrs.address?.toString('hex')).toBe('020000000007')
  })

  test.each([
    [e.red, 'vrf', 1, 'e9030000'],
    [e.gre, 'gre', 7, 'c0000202'],
  ] as const)('a link: %#', (entry, kind, attribute, value) => {
    const { attrs } = oracle.parseLinkMessage(payload(written((batch) => createLink(batch, entry, true))))
    const info = attrs.linkinfo && getMap(attrs.linkinfo, (bytes: Buffer) => bytes)
    const traits = info?.get(2) && getMap(info.get(2) as Buffer, (bytes: Buffer) => bytes)
    expect(info?.get(1)?.toString()).toBe(`${kind}\0`)
    expect(traits?.get(attribute)?.toString('hex')).toBe(value)
  })
})

describe('what we write is what we read', () => {
  const messagesRead: TableEntry[] = [
    e.address('10.0.0.1/24'),
    e.address('2001:db8::1/64'),
    e.fixed('10.0.0.5', 5),
    e.proxy('2001:db8::9'),
    e.unreachable('0.0.0.0/0'),
    e.route('10.0.0.5/32', ['tap1']),
    e.route('0.0.0.0/0', ['core0 via 192.0.2.9 push 90']),
    e.route('10.2.0.0/16', ['core0 via 2001:db8:c::2 push 100']),
    e.route('10.3.0.0/16', ['core0 via 192.0.2.2 push 100 weight 255', 'gre-2 push 101']),
    e.route('2001:db8:2::/48', ['gre-2 push 100']),
    e.route('2001:db8:3::/48', ['core0 via 2001:db8:c::2 push 1048575 weight 2', 'gre-2 push 101']),
    e.label(16, 'bvrf-1'),
    e.label(1048574, 'core0 via 192.0.2.3 push 300/301', 'gre-2 push 302'),
  ]

  test.each(messagesRead.map((entry) => [entry.kind, entry] as const))('%s %#', (_kind, entry) => {
    const message = set(entry)
    const observed =
      message.type === 20
        ? readAddress(message, directory)
        : message.type === 28
          ? readNeighbour(message, directory)?.observed
          : readRoute(message, directory)
    expect(observed).toEqual({ entry, marked: true })
  })

  test.each([
    ['core0 via 192.0.2.2 push 100/200', 2, 2],
    ['core0 via 2001:db8:c::2', 2, 10],
    ['gre-2 push 101', 10, 10],
  ])('a nexthop %s', (text, ofRoutes, family) => {
    const { weight: _, device, ...hop } = e.hop(text)
    const message = written((batch) => createNexthop(batch, 7, { device, ...hop }, indexOf(device), ofRoutes))
    expect(readNexthop(message)).toEqual({
      id: 7,
      protocol: 19,
      family,
      index: indexOf(device),
      hop,
      members: null,
      isResilient: false,
      buckets: 0,
    })
  })

  test.each([{ idle: 60, unbalanced: 300, buckets: 128 }, null])(
    'a group of nexthops, resilience %j',
    (resilience) => {
      const members = [
        { id: 7, weight: 1 },
        { id: 0x13000008, weight: 255 },
      ]
      const message = written((batch) => createGroup(batch, 9, members, resilience))
      expect(readNexthop(message)).toMatchObject({
        id: 9,
        protocol: 19,
        members,
        isResilient: resilience !== null,
        buckets: resilience?.buckets ?? 0,
      })
    },
  )
})
