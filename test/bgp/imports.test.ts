import { beforeEach, expect, test } from 'vitest'
import { EVPN, VPNV4 } from '../../src/bgp/family.ts'
import { Imports } from '../../src/bgp/imports.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { localSource, type Route, type Source } from '../../src/bgp/rib/route.ts'
import type { Subscriber } from '../../src/bgp/rib/subscriptions.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { ip, macRoute, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const HERE = '10.77.0.11'
const RED = rt('64512:10')
const BLUE = rt('64512:20')
const MAC = '02:00:00:00:01:01'
const NLRI = macRoute(HERE, MAC, null)
const instance = localSource('EVI-1')
const other = localSource('EVI-2')

let clock: VirtualClock
let speaker: Speaker
let imports: Imports<Route>
/** The calls of the importer, in order: a route that is new, replaces another, is repeated, or goes. */
let received: string[]

const show = ({ nlri, family, set }: Route) =>
  `${nlriCodec(family)!.format(nlri)} ${set.attributes.localPref}`
const shown = (localPref: number) => `${nlriCodec(EVPN)!.format(NLRI)} ${localPref}`
const here = () => [...imports.routes()].map(show)

beforeEach(() => {
  clock = new VirtualClock()
  speaker = speakerAt(HERE, [], clock, new VirtualNetwork(clock))
  received = []
  imports = new Imports(speaker, instance, {
    accepts: (route): route is Route => route.family === EVPN,
    learn: (route, before) =>
      received.push(`${before === route ? '=' : before === undefined ? '+' : '*'} ${show(route)}`),
    unlearn: (route) => received.push(`- ${show(route)}`),
  })
})

function advertise(source: Source, localPref: number, ...targets: (typeof RED)[]): void {
  speaker.originate(source, EVPN, NLRI, { extendedCommunities: targets, localPref })
  clock.advance(0)
}

test('routes come and go with their targets, and with the targets that are imported', () => {
  imports.set(new Set([RED]))
  advertise(other, 100, BLUE)
  expect(received.splice(0)).toEqual([])
  advertise(other, 100, RED)
  expect(here()).toEqual([shown(100)])
  advertise(other, 200, RED, BLUE)
  imports.set(new Set([BLUE]))
  clock.advance(0)
  expect(here()).toEqual([shown(200)])
  imports.set(new Set())
  expect(here()).toEqual([])
  expect(received).toEqual([`+ ${shown(100)}`, `* ${shown(200)}`, `= ${shown(200)}`, `- ${shown(200)}`])
})

test('a route of several targets reaches each importer of one of them, once', () => {
  const reports: string[] = []
  const subscriber = (name: string): Subscriber => ({
    routeChanged: () => reports.push(`+${name}`),
    routeGone: () => reports.push(`-${name}`),
  })
  const [red, blue, both] = ['red', 'blue', 'both'].map(subscriber) as [Subscriber, Subscriber, Subscriber]
  speaker.subscribe(red, RED)
  speaker.subscribe(blue, BLUE)
  for (const target of [RED, BLUE]) speaker.subscribe(both, target)
  advertise(other, 100, RED, BLUE)
  expect(reports.splice(0).sort()).toEqual(['+blue', '+both', '+red'])
  advertise(other, 100, BLUE)
  expect(reports.splice(0).sort()).toEqual(['+blue', '+both', '-red'])
  speaker.withdraw(other, EVPN, NLRI)
  clock.advance(0)
  expect(reports.splice(0).sort()).toEqual(['-blue', '-both'])
})

test('routes of families without use are not imported', () => {
  imports.set(new Set([RED]))
  const nlri = { rd: ipv4Rd(ip(HERE), 1), label: 1601, ip: ip('192.168.1.1'), length: 32 }
  speaker.originate(other, VPNV4, nlri, { extendedCommunities: [RED] })
  clock.advance(0)
  expect([here(), received]).toEqual([[], []])
})

test("a route gives way to the instance's own of the same key, and comes back after it", () => {
  imports.set(new Set([RED]))
  advertise(other, 100, RED)
  advertise(instance, 200, RED)
  expect(here()).toEqual([])
  speaker.withdraw(instance, EVPN, NLRI)
  clock.advance(0)
  expect(here()).toEqual([shown(100)])
  expect(received).toEqual([`+ ${shown(100)}`, `- ${shown(100)}`, `+ ${shown(100)}`])
})
