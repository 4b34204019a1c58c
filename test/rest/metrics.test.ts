import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { mac, TestNode } from '../support/node.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const NODE = '10.77.0.13'
const RR = '10.77.0.1'

let clock: VirtualClock
let network: VirtualNetwork
let node: TestNode
let app: FastifyInstance
let counters: EventCounters

beforeEach(async () => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  counters = new EventCounters()
  const events = { emit: counters.read }
  node = new TestNode(NODE, [peerConfig(RR)], clock, network, {}, {}, events).withPorts('tap1', 'tap2')
  const stateFile = () => ({ path: '/state', written: null, failure: null, unkept: [] })
  app = node.api({ stateFile }, counters, events)
  await app.ready()
})

const scrape = async (): Promise<string> => (await app.inject('/metrics')).body
const lines = async (): Promise<string[]> => (await scrape()).split('\n').filter((line) => line !== '')
const samples = async (): Promise<Map<string, number>> =>
  new Map(
    (await lines())
      .filter((line) => !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )

/** An event of each type that is counted. */
const EVENTS: readonly DaemonEvent[] = [
  {
    type: 'session-changed',
    peer: RR,
    direction: 'outgoing',
    from: 'Established',
    to: 'Idle',
    reason: 'hold timer expired',
    lost: true,
  },
  {
    type: 'malformed-update',
    peer: RR,
    severity: 'withdraw',
    attribute: 8,
    reason: 'length',
    errors: 1,
  },
  { type: 'nlri-quarantined', peer: RR, family: 'l2vpn/evpn', reason: 'length', routes: 3 },
  { type: 'entries-programmed', kinds: { 'remote-mac': 256, neighbour: 2 } },
  { type: 'entries-refused', op: 'set', kinds: { route: 4 } },
  { type: 'entries-drifted', count: 7, device: 'br1', entry: 'route …', recurring: 0 },
  { type: 'comparison-differs', missing: 2, different: 0, extra: 1, first: 'missing: route …' },
  { type: 'config-reloaded' },
  { type: 'reload-failed' },
  { type: 'state-damaged', file: '/state', reason: 'checksum', aside: '/state.damaged' },
]

describe('GET /metrics', () => {
  test('has what GoBGP has of a peer, under its names', async () => {
    const rr = speakerAt(RR, [peerConfig(NODE, { passive: true })], clock, network)
    node.speaker.subscribe({ routeChanged() {}, routeGone() {} }, rt('64512:10'))
    const route = macRoute(RR, '02:00:00:00:02:01', null)
    rr.originate(localSource('EVI-1'), EVPN, route, { extendedCommunities: [rt('64512:10')] })
    clock.advance(5000)
    const found = await samples()
    expect([...found]).toEqual(
      expect.arrayContaining([
        [`bgp_peer_state{peer="${RR}",session_state="ESTABLISHED",admin_state="UP"}`, 1],
        [`bgp_peer_asn{peer="${RR}",router_id="${RR}"}`, 64512],
        [`bgp_routes_received{peer="${RR}",route_family="l2vpn-evpn"}`, 1],
        [`bgp_routes_accepted{peer="${RR}",route_family="l2vpn-evpn"}`, 1],
        [`bgp_received_open_total{peer="${RR}"}`, 1],
        [`bgp_sent_open_total{peer="${RR}"}`, 1],
      ]),
    )
    expect(found.get(`bgp_received_update_total{peer="${RR}"}`)).toBeGreaterThan(0)
    expect(found.get(`bgp_peer_uptime{peer="${RR}"}`)).toBeGreaterThan(1)
  })

  test('counts the routes that a peer advertises and withdraws, and goes on when its session is lost', async () => {
    const rr = speakerAt(RR, [peerConfig(NODE, { passive: true })], clock, network)
    node.speaker.subscribe({ routeChanged() {}, routeGone() {} }, rt('64512:10'))
    const route = macRoute(RR, '02:00:00:00:02:01', null)
    const evi = localSource('EVI-1')
    const counted = async () => {
      clock.advance(5000)
      const found = await samples()
      return {
        received: found.get(`chanter_bgp_received_routes_total{peer="${RR}",route_family="l2vpn-evpn"}`),
        withdrawn: found.get(`chanter_bgp_withdrawn_routes_total{peer="${RR}",route_family="l2vpn-evpn"}`),
        ofAll: found.get(`bgp_received_withdraw_prefix_total{peer="${RR}"}`),
        present: found.get(`bgp_routes_received{peer="${RR}",route_family="l2vpn-evpn"}`),
      }
    }
    const attributes = { extendedCommunities: [rt('64512:10')] }
    rr.originate(evi, EVPN, route, attributes)
    expect(await counted()).toEqual({ received: 1, withdrawn: 0, ofAll: 0, present: 1 })
    rr.withdraw(evi, EVPN, route)
    expect(await counted()).toEqual({ received: 1, withdrawn: 1, ofAll: 1, present: 0 })
    rr.originate(evi, EVPN, route, attributes)
    expect(await counted()).toEqual({ received: 2, withdrawn: 1, ofAll: 1, present: 1 })
    node.speaker.peers.get(ip(RR))!.reset('')
    expect(await counted()).toEqual({ received: 3, withdrawn: 1, ofAll: 1, present: 1 })
  })

  test('a counter never goes back, whatever a session does', async () => {
    speakerAt(RR, [peerConfig(NODE, { passive: true })], clock, network)
    clock.advance(5000)
    const before = await samples()
    node.speaker.peers.get(ip(RR))!.reset('')
    clock.advance(1000)
    const after = await samples()
    const counted = [...before].filter(([name]) => /_(total|count|sum|bucket)\b/.test(name))
    expect(counted.length).toBeGreaterThan(10)
    for (const [name, value] of counted) expect(after.get(name), name).toBeGreaterThanOrEqual(value)
    expect(after.get(`bgp_received_open_total{peer="${RR}"}`)).toBe(2)
    expect(after.get(`chanter_bgp_sessions_established_total{peer="${RR}"}`)).toBe(2)
    expect(after.has(`chanter_bgp_sessions_lost_total{peer="${RR}"}`), 'an operator ended it').toBe(false)
  })

  test('counts events, by kind where they have one', async () => {
    for (const event of EVENTS) counters.read(event)
    expect(Object.fromEntries(await samples())).toMatchObject({
      [`chanter_bgp_sessions_lost_total{peer="${RR}"}`]: 1,
      [`chanter_bgp_malformed_updates_total{peer="${RR}",severity="withdraw"}`]: 1,
      [`chanter_bgp_quarantined_nlri_total{peer="${RR}"}`]: 3,
      'chanter_entries_programmed_total{kind="remote-mac"}': 256,
      'chanter_entry_failures_total{kind="route",op="set"}': 4,
      chanter_entries_drifted_total: 7,
      'chanter_comparison_differences_total{fault="missing"}': 2,
      chanter_state_file_failures_total: 1,
      chanter_broadcast_storms_total: 0,
      chanter_config_reloads_total: 1,
      chanter_config_reload_failures_total: 1,
    })
  })

  test('counts requests by the pattern of their path, whatever the client asks for', async () => {
    await app.inject('/ping')
    await app.inject('/looking-glass/bgp/nothing')
    await app.inject('/unknown/path/1')
    await app.inject('/unknown/path/2')
    expect(Object.fromEntries(await samples())).toMatchObject({
      'chanter_api_requests_total{method="GET",route="/ping",code="200"}': 1,
      'chanter_api_requests_total{method="GET",route="/looking-glass/*",code="404"}': 1,
      'chanter_api_requests_total{method="GET",route="",code="404"}': 2,
      chanter_api_request_duration_seconds_count: 4,
    })
  })

  test('counts attaches and desired entries, without a series per port', async () => {
    await node.attach()
    const one = await samples()
    expect(Object.fromEntries(one)).toMatchObject({
      chanter_attaches_total: 1,
      chanter_endpoints: 1,
      'chanter_instances{type="evpn"}': 1,
      'chanter_entries{state="failed"}': 0,
    })
    expect(one.get('chanter_entries{state="programmed"}')).toBeGreaterThan(3)
    for (let i = 0; i < 20; i++)
      await node.attach({ mac: mac(`02:00:00:00:03:${String(i).padStart(2, '0')}`), ip: null, port: 'tap2' })
    const many = await samples()
    expect(many.get('chanter_endpoints')).toBe(21)
    const grown = [...many.keys()].filter((name) => !one.has(name))
    expect(grown).toEqual(['chanter_api_requests_total{method="GET",route="/metrics",code="200"}'])
  })

  test('has the number of problems that the status has', async () => {
    const problems = async (): Promise<string[]> => (await app.inject('/status')).json().problems
    expect((await problems()).length).toBeGreaterThan(0)
    expect((await samples()).get('chanter_problems')).toBe((await problems()).length)
    speakerAt(RR, [peerConfig(NODE, { passive: true })], clock, network)
    clock.advance(60_000)
    expect(await problems()).toEqual([])
    expect((await samples()).get('chanter_problems')).toBe(0)
  })

  test('is answered where the forwarding thread does not answer', async () => {
    const never = () => new Promise<never>(() => {})
    const dataplane = { ...node.view(), counts: never, summary: never }
    app = node.api({ dataplane }, new EventCounters())
    const { statusCode, body } = await app.inject('/metrics')
    expect(statusCode).toBe(200)
    expect(body).toContain('chanter_endpoints 0')
    expect(body).not.toContain('chanter_entries{')
    expect(body).not.toMatch(/^chanter_problems/m)
  })
})

describe('the metrics', () => {
  interface Metric {
    readonly name: string
    readonly type: string
    readonly help: string
    readonly labels: readonly string[]
  }
  const metrics = async (): Promise<Metric[]> =>
    Promise.all(
      counters.registry.getMetricsAsArray().map(async ({ name, help, type }) => {
        const metric = counters.registry.getSingleMetric(name) as unknown as { labelNames: string[] }
        return { name, help, type: String(type), labels: [...metric.labelNames] }
      }),
    )

  test('are named as promtool wants it, but for names that are those of GoBGP', async () => {
    const all = await metrics()
    expect(all.length).toBeGreaterThan(40)
    for (const { name, help, type, labels } of all) {
      expect(help, name).not.toBe('')
      expect(name).toMatch(/^(chanter|bgp|process)_[a-z0-9_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(name, 'base units').not.toMatch(
        /_(ms|milliseconds|minutes|hours|days|kilobytes|kb|mb|percent)(_|$)/,
      )
      expect(name, 'reserved').not.toMatch(/_(count|sum|bucket)$/)
      expect(name.includes(`_${type}`), name).toBe(false)
      for (const label of labels) expect(label).toMatch(/^[a-z][a-z_]*$/)
      for (const label of ['entry', 'port', 'instance', 'mac', 'ip', 'route_key'])
        expect(labels).not.toContain(label)
    }
  })

  test('are those that docs/operations.md has a table of', async () => {
    const text = readFileSync('docs/operations.md', 'utf8')
    const rows = text.split('\n').flatMap((line) => {
      const [, name, type, labels, help] = line.split('|').map((cell) => cell.trim())
      const metric = /^`((?:chanter|bgp|process)_[a-z_]+)`$/.exec(name ?? '')?.[1]
      if (metric === undefined || type === undefined || labels === undefined || help === undefined) return []
      return [
        { name: metric, type, help, labels: [...labels.matchAll(/`([a-z_]+)`/g)].map(([, one]) => one) },
      ]
    })
    const sorted = <T extends { readonly name: string }>(list: readonly T[]) =>
      list.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    expect(sorted(rows)).toEqual(sorted(await metrics()))
  })
})

test('counters of peers that come and go do not grow without end, and those of a peer that stays are kept', async () => {
  const counts = (peer: string): void =>
    counters.read({
      type: 'routes-changed',
      peer,
      family: 'l2vpn/evpn',
      received: 1,
      withdrawn: 0,
      routes: 1,
    })
  for (let i = 0; i < 10_000; i++) {
    counts(`10.${i >> 8}.${i & 255}.1`)
    if (i % 1000 === 0) counts('10.77.0.99')
  }
  const received = [...(await samples())].filter(([name]) =>
    name.startsWith('chanter_bgp_received_routes_total'),
  )
  expect(received.length).toBeLessThan(5000)
  expect(received.find(([name]) => name.includes('10.77.0.99'))?.[1]).toBe(10)
})
