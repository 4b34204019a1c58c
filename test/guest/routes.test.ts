import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROUTE_TARGET, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Transport } from '../../src/bgp/session/transport.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { hashSortOrder } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { systemClock } from '../../src/clock.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { noEvents } from '../support/events.ts'
import { session } from '../support/interop.ts'
import { ip, peerConfig, rt } from '../support/speakers.ts'
import { AS, attach, type Customer, Fleet } from './fleet.ts'
import { inside, labelledPackets, runIn, setSysctl } from './network.ts'

const ROUTES = 10_000
const TARGET = '64512:10'
/** The hold time of the sessions. */
const HOLD_SECONDS = 9
/** The provider edges that share traffic, by their place in the order of paths. */
const ORDERED = [2, 0, 1]
const SHARED = '10.9.0.0'
const FLOWS = 60

let fleet: Fleet
let others: LabHost[]
let speaker: Speaker
let daemon: LabDaemon
let customer: Customer
const source = localSource('routes')
/** When something came from the daemon, in milliseconds. */
const heardAt: number[] = []

/** The kernel's TCP, with a note of when something came. */
const transport: Transport = {
  ...tcpTransport,
  listen: (at, accept) =>
    tcpTransport.listen(at, (connection) => {
      const handlers = accept(connection)
      if (handlers === null) return null
      return {
        connected: () => handlers.connected(),
        drained: () => handlers.drained(),
        closed: (reason) => handlers.closed(reason),
        data(chunk) {
          heardAt.push(performance.now())
          handlers.data(chunk)
        },
      }
    }),
}

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  const host = fleet.addHost('pe1', 11)
  others = [1, 2, 3].map((n) => fleet.addHost(`other${n}`, 20 + n))
  for (const { namespace } of others) setSysctl(namespace, 'net/mpls/conf/core/input', 1)
  customer = fleet.addCustomer(host, 1, 1)
  const address = ip(fleet.reflector.address)
  const peers = [
    peerConfig(host.address, {
      families: [VPNV4, VPNV6, ROUTE_TARGET],
      passive: true,
      holdTimeSeconds: HOLD_SECONDS,
    }),
  ]
  speaker = new Speaker(
    { ...SPEAKER_DEFAULTS, as: AS, identifier: address, localAddress: address, peers },
    { clock: systemClock, random: Math.random, transport, events: noEvents },
    () => {},
  )
  expect(await speaker.start()).toBeNull()
  daemon = await fleet.startDaemon(host, [fleet.reflector], { BGP: { hold_time: HOLD_SECONDS } })
  await session(fleet.lab, daemon, fleet.reflector.address, true)
  await attach(daemon, customer, { imports: [TARGET], exports: [TARGET] })
})

afterAll(() => {
  speaker.stop('done')
  fleet.lab.close()
})

const prefixOf = (address: string, length: number, n: number, label: number) => ({
  rd: ipv4Rd(ip('10.77.0.99'), n),
  label: mplsField(label),
  ip: ip(address),
  length,
})

/** Resident memory of the daemon, in MiB. */
function memory(): number {
  const status = readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
}

/** How many IPv4 routes there are in the VRF, as the kernel counts them: to list them takes longer in the guest than to make them. */
function routesInVrf(): number {
  const counts = inside(daemon.host.namespace, () => readFileSync('/proc/net/fib_triestat', 'utf8'))
  return Number(/^Id 1001:[\s\S]*?Prefixes:\s+(\d+)/m.exec(counts)?.[1])
}

/** Waits until the VRF has so many routes; resolves to the seconds that it took since `from`. */
async function routesAre(count: number, from: number): Promise<number> {
  await fleet.lab.eventually(
    `the VRF has ${count} routes`,
    async () => {
      const seen = routesInVrf()
      return seen === count ? { value: seen } : { seen: `${seen}` }
    },
    90,
  )
  return Math.round((performance.now() - from) / 100) / 10
}

/** The longest silence of the daemon since `from`, in seconds. */
function longestSilence(from: number): number {
  const times = [from, ...heardAt.filter((time) => time > from), performance.now()]
  return Math.round(Math.max(...times.slice(1).map((time, i) => time - times[i]!)) / 100) / 10
}

test(`${ROUTES} routes come and go, and the session stays`, async () => {
  const nlri = Array.from({ length: ROUTES }, (_, n) =>
    prefixOf(`100.64.${n >> 8}.${n & 0xff}`, 32, n >> 8, 1000 + n),
  )
  const attributes = { extendedCommunities: [rt(TARGET)] }
  const before = memory()
  const own = routesInVrf()
  const start = performance.now()
  for (const [i, one] of nlri.entries()) {
    speaker.originate(source, VPNV4, one, attributes, ip('10.77.0.99'))
    if (i % 1000 === 0) await turn()
  }
  const there = await routesAre(own + ROUTES, start)
  const full = memory()
  const withdrawal = performance.now()
  for (const one of nlri) speaker.withdraw(source, VPNV4, one)
  const gone = await routesAre(own, withdrawal)
  console.log(
    `${ROUTES} routes: in the kernel after ${there} s, gone after ${gone} s; daemon ${before} MiB before, ${full} with them, ` +
      `${memory()} after; its longest silence ${longestSilence(start)} s of ${HOLD_SECONDS}`,
  )
  expect(speaker.peers.get(ip(daemon.host.address))?.sessions.establishedCount).toBe(1)
  expect(runIn(daemon.host.namespace, 'ip route show table all proto 19')).toContain('10.0.1.1 dev tap1')
})

test('flows to a prefix are shared by three provider edges in their order, by two when one leaves', async () => {
  const route = (n: number) => prefixOf(SHARED, 24, n, 300 + n)
  for (const [n, { address }] of others.entries()) {
    const extendedCommunities = [rt(TARGET), hashSortOrder(ORDERED[n]!)]
    speaker.originate(source, VPNV4, route(n), { extendedCommunities }, ip(address))
  }
  const three = await fleet.waysTo(daemon.host, `${SHARED}/24`, 3)
  expect(addressesIn(three)).toEqual(['10.77.0.22', '10.77.0.23', '10.77.0.21'])
  const shares = await flow()
  console.log(`${FLOWS} flows by three ways: ${shares.join(', ')}`)
  expect(shares.every((share) => share > 0)).toBe(true)
  speaker.withdraw(source, VPNV4, route(1))
  const two = await fleet.waysTo(daemon.host, `${SHARED}/24`, 2)
  expect(addressesIn(two)).toEqual(['10.77.0.23', '10.77.0.21'])
  const rest = await flow()
  console.log(`${FLOWS} flows by two ways: ${rest.join(', ')}`)
  expect(rest.map((share) => share > 0)).toEqual([true, false, true])
})

const addressesIn = (shown: string) =>
  [...shown.matchAll(/via inet (\S+)|via (\S+)/g)].map(([, a, b]) => a ?? b)

/** Sends a packet to each of many addresses; how many of them came to each of the provider edges. */
async function flow(): Promise<number[]> {
  const count = () => others.map(({ namespace }) => labelledPackets(namespace, 'core'))
  const before = count()
  const script = `for i in $(seq ${FLOWS}); do echo >/dev/udp/10.9.0.$i/9; done`
  await fleet.lab.exec(customer.namespace, 'bash', '-c', script)
  return fleet.lab.eventually('all packets have come to provider edges', async () => {
    const shares = count().map((now, i) => now - before[i]!)
    const sum = shares.reduce((a, b) => a + b)
    return sum === FLOWS ? { value: shares } : { seen: `${sum} of ${FLOWS}` }
  })
}
