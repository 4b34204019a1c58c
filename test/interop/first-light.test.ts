import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { request } from '../../src/client.ts'
import { systemClock } from '../../src/clock.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { gobgp, startGobgp } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { AS, buildTwoNodes, startNode, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { askedFor, capturing } from '../support/capture.ts'
import { noEvents } from '../support/events.ts'
import {
  attach,
  attachmentOf,
  detach,
  forwards,
  indexOf,
  instance,
  ping,
  remoteEntries,
  session,
} from '../support/interop.ts'
import { ip, macRoute, peerConfig, rt } from '../support/speakers.ts'

const REFLECTOR = '10.77.0.1'
const INJECTOR = '10.77.0.13'
const VM1 = '02:00:00:00:01:01 10.77.0.11'
const VM2 = '02:00:00:00:01:02 10.77.0.12'
const FLOOD1 = '00:00:00:00:00:00 10.77.0.11'
const FLOOD2 = '00:00:00:00:00:00 10.77.0.12'

let lab: Lab
let network: TwoNodes
let reflector: LabProcess
let one: LabDaemon
let two: LabDaemon
let capture: LabProcess
let captureFile: string

const startReflector = () =>
  startGobgp(lab, network.reflector, AS, [
    ...network.sites.map(({ host }) => host),
    { name: 'injector', namespace: network.reflector.namespace, address: INJECTOR },
  ])

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  await run('ip', 'addr', 'add', `${INJECTOR}/24`, 'dev', 'underlay')
  captureFile = join(lab.directory, 'underlay.pcap')
  capture = await capturing(lab, network.reflector.namespace, 'underlay', 'tcp port 179', captureFile)
  reflector = await startReflector()
  one = await startNode(lab, network, network.sites[0])
  two = await startNode(lab, network, network.sites[1])
})

afterAll(() => lab.close())

/** Both VMs attached, and both kernels aware of it. */
async function connected(): Promise<void> {
  await forwards(lab, one.host, [VM2, FLOOD2])
  await forwards(lab, two.host, [VM1, FLOOD1])
}

describe('two nodes, one reflector', () => {
  test('sessions come up, memberships included', async () => {
    await session(lab, one, REFLECTOR, true)
    await session(lab, two, REFLECTOR, true)
    expect(await gobgp(lab, network.reflector, 'neighbor')).toMatch(/10\.77\.0\.11 .*Establ/)
  })

  test('attached VMs reach each other through VXLAN', async () => {
    await attach(one, network.sites[0].vm)
    await attach(two, network.sites[1].vm)
    await connected()
    await ping(lab, network.sites[0].vm, network.sites[1].vm)
    await ping(lab, network.sites[1].vm, network.sites[0].vm)
  })

  test('ARP for a known address is answered by the bridge, only for others a request crosses the wire', async () => {
    const [{ vm }, other] = network.sites
    const file = join(lab.directory, 'arp.pcap')
    const arp = await capturing(lab, other.host.namespace, 'vxlan--net1', 'arp', file)
    await lab.exec(vm.namespace, 'ip', 'neigh', 'flush', 'dev', 'eth0')
    await ping(lab, vm, other.vm)
    await lab.exec(vm.namespace, 'ping', '-c', '1', '-W', '1', '192.168.10.77').catch(() => 'nobody is there')
    await arp.stop('SIGINT')
    expect(await askedFor(file)).toEqual(new Set(['192.168.10.77']))
  })

  test('the looking glass shows where each address is and why', async () => {
    expect(await instance(one.api, 'best_routes')).toMatchObject({
      "('MAC', 02:00:00:00:01:02)": [expect.anything()],
      "('Multicast', (10.77.0.12,  rd 10.77.0.12:1))": [expect.anything()],
    })
    expect(await instance(one.api, 'dataplane/entries')).toContainEqual({
      entry: 'remote-mac 02:00:00:00:01:02 on vxlan--net1',
      kind: 'remote-mac',
      state: 'programmed',
      reason: null,
      code: null,
      errno: null,
      since: null,
      next_try: null,
      attempts: 0,
    })
  })

  test('routes that GoBGP itself made are used, with the VNI they carry', async () => {
    const add = (mac: string, address: string, label: string) =>
      gobgp(
        lab,
        network.reflector,
        'global',
        'rib',
        'add',
        '-a',
        'evpn',
        'macadv',
        mac,
        address,
        'etag',
        '0',
        'label',
        label,
        'rd',
        '10.77.0.99:1',
        'rt',
        '64512:10',
        'encap',
        'vxlan',
        'nexthop',
        '10.77.0.99',
      )
    await add('02:00:00:00:99:01', '192.168.10.99', '4100')
    await add('02:00:00:00:99:02', '0.0.0.0', '100')
    const injected = ['02:00:00:00:99:01 10.77.0.99 vni 4100', '02:00:00:00:99:02 10.77.0.99']
    await forwards(lab, one.host, [VM2, FLOOD2, ...injected])
    await gobgp(
      lab,
      network.reflector,
      'global',
      'rib',
      'del',
      '-a',
      'evpn',
      'macadv',
      '02:00:00:00:99:01',
      '192.168.10.99',
      'etag',
      '0',
      'label',
      '4100',
      'rd',
      '10.77.0.99:1',
    )
    await gobgp(
      lab,
      network.reflector,
      'global',
      'rib',
      'del',
      '-a',
      'evpn',
      'macadv',
      '02:00:00:00:99:02',
      '0.0.0.0',
      'etag',
      '0',
      'label',
      '100',
      'rd',
      '10.77.0.99:1',
    )
    await connected()
  })

  test('an external `bridge fdb del` is repaired', async () => {
    const { namespace } = one.host
    await run('bridge', '-netns', namespace, 'fdb', 'del', '02:00:00:00:01:02', 'dev', 'vxlan--net1', 'self')
    await connected()
    await ping(lab, network.sites[0].vm, network.sites[1].vm)
  })

  test('a detached VM vanishes everywhere else, its network with the last one', async () => {
    await detach(two, network.sites[1].vm)
    await forwards(lab, one.host, [])
    await lab.eventually('the devices of net1 are gone from node2', async () => {
      const links = await run('ip', '-n', two.host.namespace, '-o', 'link')
      return /evpn---|vxlan--/.test(links) ? { seen: links } : { value: links }
    })
    await attach(two, network.sites[1].vm)
    await connected()
  })
})

describe('1,000 MAC routes through GoBGP', () => {
  test('all reach the FDB, and leave it when they are withdrawn', async () => {
    const speaker = new Speaker(
      {
        ...SPEAKER_DEFAULTS,
        as: AS,
        identifier: ip(INJECTOR),
        localAddress: ip(INJECTOR),
        listenPort: null,
        peers: [peerConfig(REFLECTOR, { families: [EVPN, ROUTE_TARGET] })],
      },
      { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
      () => {},
    )
    await speaker.start()
    const source = localSource('injector')
    const macs = Array.from(
      { length: 1000 },
      (_, i) => `02:00:00:01:${hexOctet(i >> 8)}:${hexOctet(i & 0xff)}`,
    )
    const attributes = { extendedCommunities: [encapsulation(8), rt('64512:10')] }
    for (const mac of macs) speaker.originate(source, EVPN, macRoute(INJECTOR, mac, null), attributes)
    await forwards(lab, one.host, [VM2, FLOOD2, ...macs.map((mac) => `${mac} ${INJECTOR}`)])
    await forwards(lab, two.host, [VM1, FLOOD1, ...macs.map((mac) => `${mac} ${INJECTOR}`)])
    for (const mac of macs) speaker.withdraw(source, EVPN, macRoute(INJECTOR, mac, null))
    await connected()
    speaker.stop('done')
  })
})

describe('what goes wrong', () => {
  test('the reflector dies and returns', async () => {
    await reflector.stop('SIGKILL')
    await session(lab, one, REFLECTOR, false)
    await connected()
    reflector = await startReflector()
    await session(lab, one, REFLECTOR, true)
    await session(lab, two, REFLECTOR, true)
    await connected()
    await ping(lab, network.sites[0].vm, network.sites[1].vm)
  })

  test('a daemon is killed: its forwarding stays, and the restarted one takes it over without a flap', async () => {
    const [site] = network.sites
    const before = [await indexOf(site.host, 'evpn---net1'), await indexOf(site.host, 'vxlan--net1')]
    await one.process.stop('SIGKILL')
    expect(await remoteEntries(site.host)).toEqual([VM2, FLOOD2].sort())
    await forwards(lab, two.host, [])
    one = await startNode(lab, network, site)
    expect(await remoteEntries(site.host)).toEqual([VM2, FLOOD2].sort())
    await attach(one, site.vm)
    expect(await remoteEntries(site.host)).toEqual([VM2, FLOOD2].sort())
    await connected()
    expect([await indexOf(site.host, 'evpn---net1'), await indexOf(site.host, 'vxlan--net1')]).toEqual(before)
    await ping(lab, site.vm, network.sites[1].vm)
  })

  test('a daemon is stopped: a Cease, exit code 0, forwarding kept', async () => {
    const [, site] = network.sites
    expect(await two.process.stop('SIGTERM')).toBe(0)
    expect(await remoteEntries(site.host)).toEqual([VM1, FLOOD1].sort())
    expect(reflector.tail(50)).toContain('administrative shutdown')
    two = await startNode(lab, network, site)
    await attach(two, site.vm)
    await connected()
    await ping(lab, network.sites[0].vm, site.vm)
  })

  test.each([
    [
      'an interface that does not exist',
      { local_port: { linuxif: 'tap-none' } },
      'interface tap-none does not exist',
      'INTERFACE_MISSING',
    ],
    ['a MAC address that is none', { mac_address: 'vm1' }, "'mac_address'", 'PARAMETER_INVALID'],
    ['no route targets', { import_rt: undefined }, "Missing parameter: 'import_rt'", 'PARAMETER_MISSING'],
  ])('an attach with %s: 400, and nothing changed', async (_, changes, words, code) => {
    const before = [await run('ip', '-n', one.host.namespace, '-o', 'link'), await instance(one.api, 'ports')]
    const body = { ...attachmentOf(network.sites[0].vm), vpn_instance_id: 'net2', vni: 200, ...changes }
    const answer = await request(one.api, '/attach_localport', body)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toEqual({
      code: 400,
      title: 'Bad Request',
      description: expect.stringContaining(words),
      error_code: code,
    })
    expect([
      await run('ip', '-n', one.host.namespace, '-o', 'link'),
      await instance(one.api, 'ports'),
    ]).toEqual(before)
  })

  test('bytes that are not BGP on port 179 disturb no session', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\xff'.repeat(19), '\0'.repeat(4096), '']) {
      await throwAt(one.host.address, REFLECTOR, bytes)
      await throwAt(one.host.address, INJECTOR, bytes)
    }
    await session(lab, one, REFLECTOR, true)
    await ping(lab, network.sites[0].vm, network.sites[1].vm)
  })
})

test('tshark reads every message of ours without complaint', async () => {
  await capture.stop('SIGINT')
  const fields = [
    '-T',
    'fields',
    '-e',
    'ip.src',
    '-e',
    'bgp.type',
    '-e',
    '_ws.expert.severity',
    '-e',
    '_ws.malformed',
  ]
  const lines = (
    await run(
      'tshark',
      '-r',
      captureFile,
      '-Y',
      'bgp and (ip.src == 10.77.0.11 or ip.src == 10.77.0.12)',
      ...fields,
    )
  )
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
  const types = new Set(lines.flatMap(([, type]) => type?.split(',') ?? []))
  expect([...types].sort()).toEqual(['1', '2', '3', '4'])
  const warnings = await run(
    'tshark',
    '-r',
    captureFile,
    '-Y',
    '(ip.src == 10.77.0.11 or ip.src == 10.77.0.12) and bgp and (_ws.malformed or _ws.expert.severity >= 4194304 and not tcp.analysis.flags)',
    '-V',
  )
  expect(warnings).toBe('')
  expect(lines.length).toBeGreaterThan(20)
})

const hexOctet = (value: number): string => value.toString(16).padStart(2, '0')

/** Connects from an address of the reflector's machine, says something, and waits for the end of the connection. */
function throwAt(host: string, from: string, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 179, localAddress: from })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.on('connect', () => socket.end(Buffer.from(bytes, 'latin1')))
    socket.resume()
  })
}
