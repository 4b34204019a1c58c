import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { EventBus } from '../../src/events/event.ts'
import { LogReader } from '../../src/events/log-reader.ts'
import { RecentLog } from '../../src/recent-log.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { IN_VRF, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { peerConfig } from '../support/speakers.ts'
import { dummyDrivers } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const OURS = '10.77.0.11'
const THEIRS = '10.77.0.12'
const SILENT = '2001:db8::1'
const ROOT = '/looking-glass'
const ROUTED = {
  ...IN_VRF,
  instanceId: 'ip 1/2',
  port: 'tap2',
} as const

let clock: VirtualClock
let one: TestNode
let two: TestNode
let recent: RecentLog
let app: ReturnType<TestNode['api']>

beforeEach(() => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const events = new EventBus()
  recent = new RecentLog()
  const log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    pino.multistream([{ level: 'warn', stream: recent }]),
  )
  events.read(new LogReader(log, clock).read)
  one = new TestNode(
    OURS,
    [peerConfig(THEIRS), peerConfig(SILENT)],
    clock,
    network,
    {},
    undefined,
    events,
  ).withPorts('tap1', 'tap2')
  two = new TestNode(THEIRS, [peerConfig(OURS)], clock, network).withPorts('tap1', 'tap2')
  for (const { driver } of [one, two]) driver.kernel.addLink('mpls0', { up: true })
  const { evpn, ipvpn } = dummyDrivers
  const drivers = { evpn: { ...evpn, name: 'linux' }, ipvpn: { ...ipvpn, name: 'dummy' } }
  app = one.api({ drivers }, new EventCounters(), events, { recentLog: (about) => recent.newestFirst(about) })
})

async function attachAll(): Promise<void> {
  await one.attach()
  await one.attach(ROUTED)
  await two.attach({ mac: 0x02_00_00_00_01_02, ip: null })
  await two.attach({ ...ROUTED, mac: 0x02_00_00_00_01_02, ip: parseInterfaceAddress('192.168.20.2/24')! })
  clock.advance(20_000)
}

async function look(path: string): Promise<unknown> {
  const answer = await clock.while(app.inject(path))
  expect(answer.statusCode, path).toBe(200)
  return answer.json()
}

/** The paths that an answer links to. */
function linksIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const nested = Object.values(value).flatMap(linksIn)
  return 'href' in value ? [new URL(String(value.href)).pathname, ...nested] : nested
}

async function logOf(path: string): Promise<string[]> {
  const records = (await look(`${ROOT}/${path}/logs`.replaceAll('//', '/'))) as { message: string }[]
  return records.map(({ message }) => message)
}

test('every link leads to an object, from the root on', async () => {
  await attachAll()
  const seen = new Set<string>([ROOT])
  for (const path of seen) for (const link of linksIn(await look(path))) seen.add(link)
  const instance = `${ROOT}/vpns/instances/${encodeURIComponent(ROUTED.instanceId)}`
  const logs = [...seen].filter((path) => path.endsWith('/logs'))
  expect(logs).toEqual(
    expect.arrayContaining([
      `${ROOT}/logs`,
      `${ROOT}/bgp/peers/${encodeURIComponent(SILENT)}/logs`,
      `${ROOT}/bgp/workers/BGP-${THEIRS}/logs`,
      `${ROOT}/vpns/dataplane/drivers/evpn/logs`,
      `${ROOT}/vpns/dataplane/drivers/ipvpn/logs`,
      `${instance}/logs`,
      `${instance}/dataplane/logs`,
    ]),
  )
  expect([...seen]).toContain(`${ROOT}/bgp/workers/RTC`)
  expect(seen.size).toBeGreaterThan(50)
})

test('following the links that begin with the address of their own object ends', async () => {
  await attachAll()
  async function depthBelow(path: string): Promise<number> {
    const links = linksIn(await look(path)).filter((link) => link.startsWith(path))
    const depths = await Promise.all(
      links.map((link) => (link === path ? Number.POSITIVE_INFINITY : depthBelow(link))),
    )
    return 1 + Math.max(0, ...depths)
  }
  expect(await depthBelow(ROOT)).toBeLessThan(8)
})

test('a lost session is in the log of its peer, and of no other', async () => {
  await attachAll()
  for (const peer of two.speaker.peers.values()) peer.disable('maintenance')
  clock.advance(3000)
  for (const path of [`bgp/peers/${THEIRS}`, `bgp/workers/BGP-${THEIRS}`, ''])
    expect(await logOf(path)).toEqual([expect.stringMatching(/^session state .*maintenance/)])
  for (const path of [`bgp/peers/${SILENT}`, 'vpns/instances/net1', 'vpns/dataplane/drivers/evpn'])
    expect(await logOf(path)).toEqual([])
})

test('a refused entry is in the logs of its instance, of the dataplane of it and of the drivers', async () => {
  one.driver.fail((op, { kind }) => op === 'set' && kind === 'remote-mac', refusal('ENOMEM', 'no room'), 1000)
  await attachAll()
  const refused = [expect.stringMatching(/^entry refused; retrying .*remote-mac.*no room/)]
  for (const path of [
    'vpns/instances/net1',
    'vpns/instances/net1/dataplane',
    'vpns/dataplane/drivers/evpn',
    '',
  ])
    expect(await logOf(path)).toEqual(refused)
  const other = `vpns/instances/${encodeURIComponent(ROUTED.instanceId)}`
  for (const path of [other, `${other}/dataplane`, 'vpns/dataplane/drivers/ipvpn', `bgp/peers/${THEIRS}`])
    expect(await logOf(path)).toEqual([])
})

test('a refused attach is in the log of its instance', async () => {
  await attachAll()
  const payload = JSON.stringify({ vpn_instance_id: 'net1', vpn_type: 'ipvpn' })
  for (const url of ['/attach_localport', '/detach_localport'])
    expect((await clock.while(app.inject({ method: 'POST', url, payload }))).statusCode).toBe(400)
  expect(await logOf('vpns/instances/net1')).toEqual([
    expect.stringMatching(/^request refused .*detach_localport/),
    expect.stringMatching(/^request refused .*attach_localport/),
  ])
  expect(await logOf('vpns/instances/net1/dataplane')).toEqual([])
})

test('no route is the best one for a MAC address that is attached here', async () => {
  const shown = async (what: string): Promise<Record<string, Record<string, { unused?: string }>[]>> =>
    (await clock.while(app.inject(`${ROOT}/vpns/instances/net1/${what}`))).json()
  await one.attach()
  await two.attach()
  await two.attach({ mac: 0x02_00_00_00_01_02, ip: null })
  clock.advance(20_000)
  const [local, remote] = ["('MAC', 02:00:00:00:01:01)", "('MAC', 02:00:00:00:01:02)"] as const
  expect(Object.keys(await shown('best_routes'))).toEqual([remote, expect.stringMatching(/^\('Multicast', /)])
  const routes = (await shown('received_routes'))[local]!
  expect(routes.flatMap((route) => Object.values(route).map(({ unused }) => unused))).toEqual([
    'a local endpoint wins',
  ])
})
