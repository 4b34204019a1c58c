import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { ShownRoute } from '../../src/api/looking-glass.ts'
import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { noEvents } from '../support/events.ts'
import { TestNode } from '../support/node.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { dummyDrivers } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** The looking glass of bagpipe-bgp as recorded at some moments of its stages, and ours after the same requests. */

interface Moment {
  readonly moment: string
  /** The stage, and the name of its last request before this; null for a daemon that has just started. */
  readonly stage: string | null
  readonly last: string | null
  readonly tree: Readonly<Record<string, unknown>>
}

interface Recorded {
  readonly name: string
  readonly path: string
  readonly body: unknown
}

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../fixtures/rest/${name}.json`, import.meta.url), 'utf8'))

const OURS = '10.77.0.13'
const REFLECTOR = '10.77.0.1'
const FAMILIES = { families: [EVPN, VPNV4, ROUTE_TARGET] }

/** That of the recorded daemon. */
const CONFIG = `
[BGP]
local_address = ${OURS}
peers = ${REFLECTOR}
my_as = 64512
enable_rtc = True
[API]
host = 0.0.0.0
port = 8082
[DATAPLANE_DRIVER_IPVPN]
dataplane_driver = dummy
[DATAPLANE_DRIVER_EVPN]
dataplane_driver = dummy
`

/** A node with dummy drivers and a session with a reflector, as the recorded one. */
function start(clock: VirtualClock): FastifyInstance {
  const { config } = interpret(parseIni(CONFIG, 'bgp.conf'))
  const network = new VirtualNetwork(clock)
  speakerAt(REFLECTOR, [peerConfig(OURS, { ...FAMILIES, reflectorClient: true })], clock, network, {
    clusterId: ip('1.2.3.4'),
  })
  const drivers = { evpn: 'dummy', ipvpn: 'dummy' } as const
  const node = new TestNode(OURS, [peerConfig(REFLECTOR, FAMILIES)], clock, network, {}, { drivers })
  clock.advance(10_000)
  const { effective } = config
  const driver = (type: 'evpn' | 'ipvpn') => ({
    ...dummyDrivers[type],
    config: effective[`DATAPLANE_DRIVER_${type.toUpperCase()}`],
  })
  const views = { drivers: { evpn: driver('evpn'), ipvpn: driver('ipvpn') } }
  return node.api(views, new EventCounters(), noEvents, { config: effective })
}

async function play(app: FastifyInstance, clock: VirtualClock, { stage, last }: Moment): Promise<void> {
  if (stage === null) return
  for (const { name, path, body } of read<Recorded[]>(stage)) {
    await clock.while(app.inject({ method: 'POST', url: path, payload: JSON.stringify(body) }))
    if (name === last) break
  }
  clock.advance(10_000)
}

/** Numbers that a daemon assigns, times, and its address. */
const plain = (text: string): string =>
  text
    .replaceAll('http://localhost:80/looking-glass', '')
    .replaceAll(/(?<=10\.77\.0\.13:)\d+/g, '#')
    .replaceAll(/label \d+/g, 'label #')
    .replaceAll(/\b(EVI|VRF)-\d+/g, '$1-#')
    .replaceAll(/\[ .* \]/g, (list) => list.split(' ').sort().join(' '))
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME')

/** What tells routes of the same text apart: their next hop and, of a multicast route, its VNI. */
function distinction(member: unknown): string {
  if (typeof member !== 'object' || member === null || !('afi-safi' in member)) return ''
  const { next_hop: nextHop, attributes } = member as unknown as ShownRoute
  return ` via ${nextHop} ${/\(\d+\)/.exec(attributes['pmsi-tunnel'] ?? '')?.[0] ?? ''}`.trimEnd()
}

/** A line for each value in an answer; items of lists by what names them. */
function* linesOf(path: string, value: unknown): Generator<readonly [path: string, value: string]> {
  if (typeof value !== 'object' || value === null)
    return yield [path, / label$/.test(path) ? 'a label' : plain(JSON.stringify(value))]
  const members = Object.entries(value)
  if (members.length === 0) yield [path, JSON.stringify(value)]
  for (const [key, member] of members) {
    if (!Array.isArray(value)) yield* linesOf(`${path} ${plain(key)}${distinction(member)}`, member)
    else if (typeof member !== 'object') yield [`${path} - ${plain(String(member))}`, 'listed']
    else yield* linesOf(`${path}${nameOf(member)}`, member)
  }
}

/** What names an item of a list. */
function nameOf(item: Readonly<Record<string, unknown>>): string {
  if ('mac_address' in item) return ` ${item['mac_address']} ${item['ip_address']}`
  return 'id' in item ? ` ${plain(String(item['id']))}` : ''
}

/** Why some values differ: those at paths with this pattern that are changed, or that only one of both has. */
interface Reason {
  readonly path: string
  readonly kind: 'changed' | 'ours only' | 'theirs only'
  readonly reason: string
}

interface Difference {
  readonly path: string
  readonly kind: Reason['kind']
  readonly recorded: string | undefined
  readonly ours: string | undefined
}

async function differences(moment: Moment): Promise<Difference[]> {
  const clock = new VirtualClock()
  const app = start(clock)
  await play(app, clock, moment)
  const found: Difference[] = []
  for (const [path, answer] of Object.entries(moment.tree)) {
    const recorded = new Map(linesOf(path, answer))
    const response = await clock.while(app.inject(`/looking-glass${path}`))
    const mine = new Map(response.statusCode === 200 ? linesOf(path, response.json()) : [])
    for (const line of new Set([...recorded.keys(), ...mine.keys()])) {
      const [theirs, ours] = [recorded.get(line), mine.get(line)]
      if (theirs === ours) continue
      const kind = theirs === undefined ? 'ours only' : ours === undefined ? 'theirs only' : 'changed'
      found.push({ path: line, kind, recorded: theirs, ours })
    }
  }
  return found
}

describe('the looking glass after the recorded requests', () => {
  const { lookingGlass: reasons } = read<{ lookingGlass: Reason[] }>('differences')
  const used = new Set<Reason>()

  test.each(read<Moment[]>('looking-glass').map((moment) => [moment.moment, moment] as const))(
    '%s: differs where differences.json says why, and nowhere else',
    async (_, moment) => {
      const unexplained = (await differences(moment)).filter(({ path, kind }) => {
        const found = reasons.find((one) => one.kind === kind && new RegExp(one.path).test(path))
        if (found !== undefined) used.add(found)
        return found === undefined
      })
      expect(unexplained).toEqual([])
    },
  )

  test('each listed difference is there', () => {
    expect(reasons.filter((one) => !used.has(one))).toEqual([])
  })
})
