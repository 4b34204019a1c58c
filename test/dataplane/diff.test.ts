import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Link } from '../../src/dataplane/driver.ts'
import { diff } from '../../src/dataplane/engine/diff.ts'
import { isPlaced, linkStep } from '../../src/dataplane/kinds/link-step.ts'
import { tunnelMtuOver, vxlanMtuOver } from '../../src/dataplane/kinds/mtu.ts'
import { KeyMap } from '../../src/values/key-map.ts'
import * as e from './entries.ts'
import * as vpn from './ip-entries.ts'

function keyMap(pairs: readonly (readonly [number, number])[]): KeyMap<number, number> {
  const map = new KeyMap<number, number>()
  for (const [key, value] of pairs) map.set(key, value)
  return map
}

test('missing and extra entries turn actual into desired state, without needless changes', () => {
  const pairs = fc.array(fc.tuple(fc.nat(9), fc.nat(2)), { maxLength: 10 })
  fc.assert(
    fc.property(pairs, pairs, (wantedPairs, actualPairs) => {
      const wanted = keyMap(wantedPairs)
      const actual = keyMap(actualPairs)
      const { missing, extra } = diff(wanted, actual, (a, b) => a === b)
      for (const [key, value] of missing) expect(actual.get(key)).not.toBe(value)
      for (const [key] of extra) expect(wanted.has(key)).toBe(false)

      for (const [key, value] of missing) actual.set(key, value)
      for (const [key] of extra) actual.delete(key)
      expect(new Map(actual)).toEqual(new Map(wanted))
    }),
    { seed: 1 },
  )
})

const link: Link = {
  name: 'vx0',
  index: 7,
  kind: 'vxlan',
  alias: 'chanter:net1',
  master: 'br0',
  up: true,
  carrier: true,
  vni: e.VNI,
  local: e.vxlan.local,
  port: 4789,
  mtu: 1500,
  peer: null,
  mac: null,
  ethernet: true,
  loopback: false,
  lower: null,
  flowBased: false,
  outdated: false,
  takesZeroChecksums: false,
  learns: false,
  pair: null,
  encapsulation: null,
  table: null,
  tuned: true,
  learning: false,
  neighSuppress: true,
  forwarding: true,
  xdpProgram: null,
  protoDown: false,
  filtersVlans: false,
  routing: null,
  owned: true,
}

describe('the end of a veth pair of ours', () => {
  const actual: Link = {
    ...link,
    name: 'end-v',
    kind: 'veth',
    alias: 'chanter:red',
    mac: e.mac(1),
    pair: 'end-e',
  }

  test.each([
    ['is as wanted', {}, 'nothing'],
    ['has another MAC address', { mac: e.mac(9) }, 'adjust'],
    ['has another MTU', { mtu: 1400 }, 'adjust'],
    ['leads elsewhere', { pair: 'end-x' }, 'recreate'],
    ['leads out of the network namespace', { pair: null }, 'recreate'],
    ['is no veth pair', { kind: 'dummy' }, 'recreate'],
    ['is not ours', { owned: false }, 'refuse'],
  ] as const)('%s', (_what, traits, step) => {
    expect(linkStep({ ...vpn.end('end-v', 'end-e', 1), mtu: 1500 }, { ...actual, ...traits }).do).toBe(step)
  })
})

describe('a link of ours', () => {
  test.each([
    ['is absent', undefined, 'create'],
    ['is as wanted', link, 'nothing'],
    ['is in another bridge', { ...link, master: null }, 'nothing'],
    ['learns', { ...link, tuned: false }, 'adjust'],
    ['serves another instance', { ...link, alias: 'chanter:net2' }, 'adjust'],
    ['has another VNI', { ...link, vni: 1 }, 'recreate'],
    ['has another source', { ...link, local: e.ip('192.0.2.9') }, 'adjust'],
    ['has a source of the other family', { ...link, local: e.ip('2001:db8::9') }, 'recreate'],
    ['has no source', { ...link, local: null }, 'recreate'],
    ['is bound to an interface', { ...link, lower: 'lo' }, 'recreate'],
    ['has another port', { ...link, port: 8472 }, 'recreate'],
    ['is of another kind', { ...link, kind: 'bridge', vni: null }, 'recreate'],
    ['has another MTU', { ...link, mtu: 1450 }, 'adjust'],
    ['has lost its alias', { ...link, alias: null }, 'adjust'],
    ['is not ours', { ...link, alias: null, owned: false }, 'refuse'],
    ['has the alias of another', { ...link, alias: 'uplink' }, 'adjust'],
  ] as const)('%s: %s', (_what, actual, step) => {
    expect(linkStep({ ...e.vxlan, mtu: 1500 }, actual).do).toBe(step)
  })
})

test.each([
  ['as wanted', {}, true],
  ['in no bridge', { master: null }, false],
  ['in another bridge', { master: 'br9' }, false],
  ['learning', { learning: true }, false],
  ['not suppressing', { neighSuppress: false }, false],
  ['not forwarding', { forwarding: false }, false],
])('a port that is %s', (_what, traits, placed) => {
  expect(isPlaced(e.vxlanPort, { ...link, ...traits })).toBe(placed)
})

test.each([
  ['in its bridge, learning or not', { learning: true, neighSuppress: false }, true],
  ['not forwarding', { forwarding: false }, false],
  ['in no bridge', { master: null }, false],
  ['in another bridge', { master: 'br9' }, false],
])('a port of an external bridge that is %s', (_what, traits, placed) => {
  expect(isPlaced({ ...e.vxlanPort, external: true }, { ...link, ...traits })).toBe(placed)
})

describe('an external bridge', () => {
  const bridge: Link = {
    ...link,
    name: 'br0',
    kind: 'bridge',
    vni: null,
    local: null,
    port: null,
    master: null,
  }

  test.each([
    ['is absent', undefined, 'create'],
    ['is external', { ...bridge, alias: null, owned: false, up: false, tuned: false }, 'nothing'],
    ['is ours', bridge, 'nothing'],
    ['is no bridge', { ...bridge, alias: null, owned: false, kind: 'bond' }, 'refuse'],
  ] as const)('that %s: %s', (_what, actual, step) => {
    expect(linkStep({ ...e.bridge, external: true }, actual).do).toBe(step)
  })
})

test.each([
  ['an unknown underlay', 0, '192.0.2.1', 1500],
  ['an Ethernet underlay', 1500, '192.0.2.1', 1500],
  ['a jumbo underlay', 9000, '192.0.2.1', 8950],
  ['a jumbo IPv6 underlay', 9000, '2001:db8::1', 8930],
])('the MTU of VXLAN over %s', (_what, underlay, local, expected) => {
  expect(vxlanMtuOver(underlay, e.ip(local))).toBe(expected)
})

test.each([
  ['gre', '192.0.2.1', 1476],
  ['gre', '2001:db8::1', 1456],
  ['udp', '192.0.2.1', 1472],
  ['udp', '2001:db8::1', 1452],
] as const)('the MTU of a tunnel in %s from %s over Ethernet', (encapsulation, local, expected) => {
  expect(tunnelMtuOver(1500, { ...vpn.gre, encapsulation, local: e.ip(local) })).toBe(expected)
})
