import type { FastifyInstance } from 'fastify'
import { beforeEach, expect, test } from 'vitest'
import { type ApiRoute, ROUTES } from '../../src/api/routes.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { IN_VRF, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const OURS = '10.77.0.11'
const THEIRS = '10.77.0.12'
const ROUTED = {
  ...IN_VRF,
  instanceId: 'ip1',
} as const

let clock: VirtualClock
let one: TestNode
let two: TestNode
let app: FastifyInstance

beforeEach(() => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  one = new TestNode(OURS, [peerConfig(THEIRS)], clock, network).withPorts('tap1', 'tap2', 'tap3')
  two = new TestNode(THEIRS, [peerConfig(OURS)], clock, network).withPorts('tap1', 'tap2')
  for (const { driver } of [one, two]) driver.kernel.addLink('mpls0', { up: true })
  app = one.api()
})

/** The values of a parameter in this state. */
function valuesOf(parameter: string, url: string): readonly string[] {
  const instances = [...one.vpns.instances.values()]
  const shown = url === ROUTES.readvertised.url ? instances.filter(({ type }) => type === 'ipvpn') : instances
  const values: Readonly<Record<string, readonly string[]>> = {
    address: [THEIRS],
    id: shown.map(({ routing }) => routing.config.id),
    name: [`BGP-${THEIRS}`, 'RTC', ...instances.map(({ routing }) => routing.config.name)],
    type: ['evpn', 'ipvpn'],
    '*': ['bgp/route_counts', 'vpns/instances_per_vni', `bgp/peers/${THEIRS}/timers`],
  }
  return values[parameter]!
}

/** The requests of a route in this state: one for each instance, peer or address that it can be about. */
function requestsOf({ method, url }: ApiRoute): { method: 'GET' | 'POST'; url: string }[] {
  const [found, parameter] = /:(\w+)|\*/.exec(url) ?? []
  const urls =
    found === undefined ? [url] : valuesOf(parameter ?? '*', url).map((value) => url.replace(found, value))
  const queries = url === ROUTES.explain.url ? explainQueries() : ['']
  return urls.flatMap((path) => queries.map((query) => ({ method, url: `${path}${query}` })))
}

function explainQueries(): string[] {
  const ids = [...one.vpns.instances.keys()]
  return ['02:00:00:00:01:02', '192.168.20.2', '192.168.20.0/24', 'ff:ff:ff:ff:ff:ff'].flatMap((address) => [
    `?address=${address}`,
    ...ids.map((id) => `?address=${address}&instance=${id}`),
  ])
}

const WRITING: readonly string[] = [ROUTES.attach.url, ROUTES.detach.url]

/** Asks for everything that there is; the API of tests fails where an answer is not as documented. */
async function askAll(): Promise<Set<string>> {
  const answered = new Set<string>()
  for (const [name, route] of Object.entries<ApiRoute>(ROUTES)) {
    if (WRITING.includes(route.url)) continue
    for (const request of requestsOf(route)) {
      const answer = await clock.while(app.inject(request))
      expect([200, 409, 503], `${request.method} ${request.url}: ${answer.body}`).toContain(answer.statusCode)
      if (answer.statusCode === 200) answered.add(name)
      if (request.method === 'POST') recover()
    }
  }
  return answered
}

/** Undoes what an order to a peer did. */
function recover(): void {
  for (const peer of one.speaker.peers.values()) peer.enable()
  clock.advance(30_000)
}

async function attachAll(): Promise<void> {
  await one.attach({ instanceDescription: { any: ['json'] } })
  await one.attach({ ...ROUTED, port: 'tap2', readvertise: { from: [], to: [] } })
  await two.attach({ mac: 0x02_00_00_00_01_02, ip: null })
  await two.attach({
    ...ROUTED,
    port: 'tap2',
    mac: 0x02_00_00_00_01_02,
    ip: parseInterfaceAddress('192.168.20.2/24')!,
  })
  clock.advance(20_000)
}

test('every answer of a node that has just started is as documented', async () => {
  await askAll()
})

test('so is every answer of a node with VPN instances, and all routes answer there', async () => {
  await attachAll()
  const answered = await askAll()
  const asked = Object.keys(ROUTES).filter((name) => name !== 'attach' && name !== 'detach')
  expect(asked.filter((name) => !answered.has(name))).toEqual([])
})

test('of one whose kernel refuses entries, and whose entries others change', async () => {
  one.driver.fail((op, { kind }) => op === 'set' && kind === 'remote-mac', refusal('ENOMEM', 'no room'), 1000)
  await attachAll()
  one.driver.fail((op, { kind }) => op === 'remove' && kind === 'local-mac', refusal('EBUSY'), 1000)
  await one.detach()
  one.driver.kernel.deleteLink('tap2')
  clock.advance(5000)
  await askAll()
})

test('of one whose peer is gone', async () => {
  await attachAll()
  for (const peer of two.speaker.peers.values()) peer.disable('cable work')
  clock.advance(3000)
  await askAll()
  clock.advance(300_000)
  await askAll()
})
