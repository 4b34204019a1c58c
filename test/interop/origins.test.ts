import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  EVPN,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  IPV4_UNICAST,
  IPV6_UNICAST,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../src/bgp/family.ts'
import { AddPathMode, type Capabilities } from '../../src/bgp/message/capability.ts'
import { Lab } from '../../src/lab/lab.ts'
import { made } from '../support/exabgp.ts'
import { loadVectors, type Vector } from '../support/vectors.ts'
import { OURS, Session, THEIRS } from './origin-session.ts'

/** Where the octets of a vector come from: a program, its setup, and its input. */
interface Origin {
  readonly vector: Vector
  readonly reported: readonly string[]
}

/** The vectors whose origin begins so, with the input of the program; those made once only are not checked. */
function from(maker: string): Origin[] {
  return loadVectors()
    .filter(({ origin }) => origin.startsWith(`${maker}: `))
    .map((vector) => ({ vector, reported: vector.origin.slice(maker.length + 2).split('; ') }))
}

const FAMILIES = [IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6, EVPN, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6]
const PATHS = [IPV4_UNICAST, VPNV4, EVPN].map((family) => ({ family, mode: AddPathMode.Receive }))

const WITH_ALL: Partial<Capabilities> = {
  families: FAMILIES,
  fourOctetAs: 64512,
  routeRefresh: true,
  extendedMessage: true,
}

let lab: Lab
let namespace: string
let session: Session | undefined

beforeAll(async () => {
  lab = new Lab()
})

afterAll(() => {
  lab.close()
})

/** A namespace with both addresses, which this process moves into. */
async function enter(role: string): Promise<void> {
  namespace = lab.addNamespace(role)
  for (const address of [OURS, THEIRS])
    await lab.exec(namespace, 'ip', 'addr', 'add', `${address}/32`, 'dev', 'lo')
  lab.enter(namespace)
}

function leave(): void {
  session?.close()
  session = undefined
}

/** Waits until the session receives more. */
async function receives(before: number, what: string): Promise<void> {
  await lab.eventually(`${what} is answered with a message`, async () => {
    const received = session!.received.length
    return received > before ? { value: received } : { seen: `${received} messages` }
  })
}

/** The session says something besides OPEN and KEEPALIVE as its last word before it stands. */
async function stands(): Promise<void> {
  await lab.eventually('the session stands', async () => {
    const kinds = session!.received.map((hex) => hex.slice(36, 38))
    return kinds.includes('04') ? { value: kinds } : { seen: kinds.join() }
  })
}

/** Configures the program with everything that the vectors need, each thing once; what ends the session last. */
async function configure(origins: readonly Origin[], run: (step: string) => Promise<unknown>): Promise<void> {
  const done = new Set(['OPEN', 'KEEPALIVE'])
  const endsLast = [...origins].sort((a, b) => Number(ends(a)) - Number(ends(b)))
  for (const { reported } of endsLast) {
    for (const step of reported) {
      if (done.has(step)) continue
      done.add(step)
      const before = session!.received.length
      await run(step)
      await receives(before, step)
    }
  }
}

const ends = ({ vector }: Origin): boolean => vector.kind === 'notification'

/** Whole messages are compared as received, parts of messages as a part of one. */
function expectReceived({ vector }: Origin, received: readonly string[]): void {
  const isPart = ['capability', 'attribute', 'nlri'].includes(vector.kind)
  const pieces = vector.kind === 'capability' ? capabilities(vector.bytes) : [vector.hex]
  for (const piece of pieces)
    expect(received.some((hex) => (isPart ? hex.includes(piece) : hex === piece))).toBe(true)
}

function capabilities(bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]!)
    found.push(bytes.toString('hex', at, at + 2 + bytes[at + 1]!))
  return found
}

describe.each([
  ['GoBGP 3.10', WITH_ALL],
  ['GoBGP 3.10, add-path', { ...WITH_ALL, addPath: PATHS }],
  ['GoBGP 3.10, memberships', { ...WITH_ALL, families: [...FAMILIES, ROUTE_TARGET] }],
])('%s', (maker, capabilities) => {
  const origins = from(maker)

  beforeAll(async () => {
    await enter(`gobgp${maker.length}`)
    const file = join(lab.directory, `${namespace}.conf`)
    writeFileSync(file, gobgpConfig(maker.endsWith('add-path')))
    lab.start(namespace, namespace, 'gobgpd', '--pprof-disable', '-f', file)
    await lab.eventually('gobgpd answers', async () => ({
      value: await lab.exec(namespace, 'gobgp', 'neighbor'),
    }))
    session = new Session(64512, 0x0a000002, capabilities)
    await stands()
    await configure(origins, (step) => lab.exec(namespace, 'gobgp', ...step.split(' ')))
  })
  afterAll(leave)

  test.each(origins.map((origin) => [`${origin.vector.kind}/${origin.vector.name}`, origin] as const))(
    'makes %s',
    (_, origin) => expectReceived(origin, session!.received),
  )
})

const GOBGP_FAMILIES = [
  'ipv4-unicast',
  'ipv6-unicast',
  'l3vpn-ipv4-unicast',
  'l3vpn-ipv6-unicast',
  'l2vpn-evpn',
  'rtc',
  'l3vpn-ipv4-flowspec',
  'l3vpn-ipv6-flowspec',
]

function gobgpConfig(addPath: boolean): string {
  const families = GOBGP_FAMILIES.map(
    (name) => `
  [[neighbors.afi-safis]]
    config = { afi-safi-name = "${name}" }
    mp-graceful-restart.config = { enabled = true }
    long-lived-graceful-restart.config = { enabled = true, restart-time = 3600 }
    ${addPath ? 'add-paths.config = { send-max = 8, receive = true }' : ''}`,
  )
  return `
[global]
  config = { as = 64512, router-id = "${THEIRS}" }
[[neighbors]]
  config = { neighbor-address = "${OURS}", peer-as = 64512 }
  transport.config = { passive-mode = true, local-address = "${THEIRS}" }
  graceful-restart.config = { enabled = true, restart-time = 120, long-lived-enabled = true, notification-enabled = true }
${families.join('')}`
}

const BGPD = '/usr/lib/frr/bgpd'

describe.each([
  ['FRR 8.4.4', {}],
  ['FRR 8.4.4, add-path', { addPath: PATHS }],
])('%s', (maker, capabilities) => {
  const origins = from(maker).map(({ vector, reported }) => ({ vector, reported: commands(reported) }))
  let directory: string

  beforeAll(async () => {
    await enter(`frr${maker.length}`)
    // bgpd gives up its privileges, so that the lab's own directory is closed to it.
    directory = mkdtempSync(join(tmpdir(), 'chanter-frr-'))
    const file = join(directory, 'bgpd.conf')
    writeFileSync(file, FRR_CONFIG)
    await lab.exec(namespace, 'chown', '-R', 'frr:frr', directory)
    const place = ['-f', file, '-i', join(directory, 'pid'), '--vty_socket', directory]
    lab.start(namespace, namespace, BGPD, '-Z', ...place, '-P', '0', '-l', THEIRS, '--log', 'stdout')
    await lab.eventually('bgpd answers', async () => ({ value: await vtysh('show version') }))
    const families = FAMILIES.filter((family) => family !== FLOWSPEC_VPNV4 && family !== FLOWSPEC_VPNV6)
    const extendedNextHop = [IPV4_UNICAST, VPNV4].map((family) => ({ family, nextHopAfi: 2 }))
    const ours = { ...WITH_ALL, families, enhancedRouteRefresh: true, extendedNextHop, ...capabilities }
    session = new Session(64512, 0x0a000002, ours)
    await stands()
    await configure(origins, (step) => vtysh(...step.split('; ')))
  })
  afterAll(() => {
    leave()
    rmSync(directory, { recursive: true })
  })

  const vtysh = (...lines: readonly string[]): Promise<string> =>
    lab.exec(namespace, 'vtysh', '--vty_socket', directory, ...lines.flatMap((line) => ['-c', line]))

  test.each(origins.map((origin) => [`${origin.vector.kind}/${origin.vector.name}`, origin] as const))(
    'makes %s',
    (_, origin) => expectReceived(origin, session!.received),
  )
})

/** Lines of FRR's configuration as commands, each with the way to its place. */
function commands(lines: readonly string[]): string[] {
  const configuring = 'configure terminal; router bgp 64512'
  return lines.flatMap((line, i) => {
    if (line.startsWith('address-family')) return [`${configuring}; ${line}; ${lines[i + 1]}`]
    if (lines[i - 1]?.startsWith('address-family') === true) return []
    return line === 'OPEN' || line.startsWith('clear') ? [line] : [`${configuring}; ${line}`]
  })
}

const FRR_FAMILIES = ['ipv4 unicast', 'ipv6 unicast', 'ipv4 vpn', 'ipv6 vpn', 'l2vpn evpn']
const FRR_CONFIG = `hostname pe1
router bgp 64512
 bgp router-id ${THEIRS}
 no bgp default ipv4-unicast
 bgp graceful-restart
 no bgp network import-check
 neighbor ${OURS} remote-as 64512
 neighbor ${OURS} passive
 neighbor ${OURS} capability extended-nexthop
 neighbor ${OURS} timers 60 180
${FRR_FAMILIES.map((family) => ` address-family ${family}\n  neighbor ${OURS} activate\n${family === 'ipv4 unicast' ? `  neighbor ${OURS} addpath-tx-all-paths\n` : ''} exit-address-family\n`).join('')}`

const BIRD = '/usr/sbin/bird'
/** A session that BIRD has not answered by then was opened before BIRD listened. */
const ANSWER_POLLS = 50
const ANSWER_POLL_MS = 50

describe.each([
  ['BIRD 2.0.12', 64512, 65001],
  ['BIRD 2.0.12, AS 70000 to a two-octet speaker', 70000, null],
])('%s', (maker, as, fourOctetAs) => {
  const origins = from(maker)

  beforeAll(async () => {
    await enter(`bird${as}`)
    const file = join(lab.directory, `${namespace}.conf`)
    writeFileSync(file, birdConfig(as))
    lab.start(namespace, namespace, BIRD, '-f', '-c', file, '-s', join(lab.directory, `${namespace}.ctl`))
    const families = [IPV4_UNICAST, IPV6_UNICAST, VPNV4]
    const capabilities = { families, fourOctetAs, routeRefresh: true, role: 3, extendedMessage: true }
    await lab.eventually('BIRD answers', async () => {
      session?.close()
      session = new Session(65001, 0x0a000002, capabilities)
      for (let i = 0; i < ANSWER_POLLS && session.received.length === 0; i++)
        await new Promise((resolve) => setTimeout(resolve, ANSWER_POLL_MS))
      return session.received.length > 0 ? { value: session } : { seen: 'nothing' }
    })
    await lab.eventually('BIRD has advertised everything', async () => {
      const ended = session!.received.filter((hex) => /ff(001702|001d02)/.test(hex)).length
      return ended === families.length ? { value: ended } : { seen: `${ended} End-of-RIB` }
    })
  })
  afterAll(leave)

  test.each(origins.map((origin) => [`${origin.vector.kind}/${origin.vector.name}`, origin] as const))(
    'makes %s',
    (_, origin) => expectReceived(origin, session!.received),
  )
})

const birdConfig = (as: number): string => `
router id ${THEIRS};
vpn4 table v4;
protocol device {}
protocol static s4 {
  ipv4;
  route 11.0.0.0/24 blackhole {
    bgp_community.add((64512, 1));
    bgp_large_community.add((64512, 1, 2));
    bgp_ext_community.add((rt, 64512, 77));
  };
}
protocol static sv4 {
  vpn4 { table v4; };
  route 10.0.0.1:7 11.0.0.0/24 blackhole { bgp_ext_community.add((rt, 64512, 77)); };
}
protocol bgp peer {
  local ${THEIRS} as ${as};
  neighbor ${OURS} as 65001;
  passive;
  multihop;
  local role provider;
  enable extended messages;
  graceful restart on;
  long lived graceful restart on;
  advertise hostname on;
  ipv4 { import all; export all; add paths on; extended next hop on; next hop self; };
  ipv6 { import all; export all; };
  vpn4 mpls { table v4; import all; export all; next hop self; extended next hop on; };
}
`

describe('exabgp 4.2.21', () => {
  const origins = from('exabgp 4.2.21')
  const octets = made(origins.map(({ reported }) => reported.join('; ')))

  test.each(origins.map(({ vector }, i) => [`${vector.kind}/${vector.name}`, vector, octets[i]] as const))(
    'makes %s',
    (_, vector, hex) => expect(hex).toBe(vector.hex),
  )
})
