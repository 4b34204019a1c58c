import { describe, expect, test } from 'vitest'
import { type Entry, identity, phase, same } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'

describe('identity', () => {
  test.each<[Entry, string]>([
    [e.bridge, 'link br0'],
    [e.vxlan, 'link vx0'],
    [e.tapPort, 'port tap1'],
    [e.local(1), 'local-mac 02:00:00:00:00:01 on tap1'],
    [e.remote(1), 'remote-mac 02:00:00:00:00:01 on vx0'],
    [e.flood('192.0.2.2', 7), 'flood to 192.0.2.2 vni 7 on vx0'],
    [e.neighbour('2001:db8::1', 1), 'neighbour 2001:db8::1 on br0'],
  ])('%#: %s', (entry, text) => {
    expect(identity(entry)).toBe(text)
  })

  test.each<[string, Entry, Entry]>([
    ['another destination', e.remote(1), e.remote(1, '192.0.2.9', 5)],
    ['another MAC', e.neighbour('10.0.0.1', 1), e.neighbour('10.0.0.1', 2)],
    ['another kind of link', e.bridge, { ...e.vxlan, device: 'br0' }],
    ['other options', e.tapPort, { ...e.tapPort, bridge: 'br9', learning: false }],
  ])('stays with %s', (_what, a, b) => {
    expect(identity(a)).toBe(identity(b))
    expect(same(a, b)).toBe(false)
  })
})

test('entries are the same when each field is', () => {
  expect(same(e.remote(1), e.remote(1))).toBe(true)
  expect(same(e.remote(1), e.remote(2))).toBe(false)
  expect(same(e.local(1), e.remote(1))).toBe(false)
})

test('links come before ports, ports before what is behind them', () => {
  const kinds: Entry['kind'][] = ['neighbour', 'remote-mac', 'port', 'vxlan', 'flood', 'bridge', 'local-mac']
  expect(kinds.toSorted((a, b) => phase(a) - phase(b))).toEqual([
    'bridge',
    'vxlan',
    'port',
    'local-mac',
    'flood',
    'remote-mac',
    'neighbour',
  ])
})
