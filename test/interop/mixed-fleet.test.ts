import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { fetchJson, request } from '../../src/client.ts'
import { systemClock } from '../../src/clock.ts'
import { startChanterReflector } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { tcpTransport } from '../../src/linux/tcp.ts'
import { startBagpipe } from '../support/bagpipe.ts'
import { noEvents } from '../support/events.ts'
import { frrDirectory } from '../support/frr.ts'
import { Collector, ip, macRoute, peerConfig, rt } from '../support/speakers.ts'

const AS = 64512
const RR = '10.77.0.1'
const OURS = '10.77.0.11'
const THEIRS = '10.77.0.12'
const RED = rt('64512:10')
const MAC1 = '02:00:00:00:01:01'
const MAC2 = '02:00:00:00:01:02'
const source = localSource('EVI-1')

let lab: Lab
let host: LabHost
let speakers: Speaker[]

beforeEach(async () => {
  lab = new Lab()
  speakers = []
  const namespace = lab.addNamespace('fleet')
  lab.enter(namespace)
  host = { name: 'rr', namespace, address: RR }
  for (const address of [RR, OURS, THEIRS]) await run('ip', 'addr', 'add', `${address}/24`, 'dev', 'lo')
})

afterEach(() => {
  for (const speaker of speakers) speaker.stop('done')
  lab.close()
})

async function speaker(
  address: string,
  changes: Partial<PeerConfig> = {},
): Promise<readonly [Speaker, Collector]> {
  const made = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: AS,
      identifier: ip(address),
      localAddress: ip(address),
      listenPort: null,
      peers: [peerConfig(RR, { connectRetrySeconds: 1, ...changes })],
    },
    { clock: systemClock, random: Math.random, transport: tcpTransport, events: noEvents },
    () => {},
  )
  speakers.push(made)
  await made.start()
  const collector = new Collector()
  made.subscribe(collector, RED)
  return [made, collector]
}

function advertise(by: Speaker, address: string, mac: string): void {
  const attributes = { extendedCommunities: [encapsulation(8), RED] }
  by.originate(source, EVPN, macRoute(address, mac, '192.168.10.1'), attributes)
}

/** Waits until the collector has so many routes of others. */
async function learns(collector: Collector, count: number): Promise<void> {
  await lab.eventually(`${count} routes of others`, async () => {
    const learnt = [...collector.routes.values()].filter(({ source }) => source.peer !== null)
    return learnt.length === count ? { value: learnt } : { seen: `${learnt.length}` }
  })
}

describe('with FRR as the reflector', () => {
  beforeEach(async () => {
    const config = `router bgp ${AS}
 bgp router-id ${RR}
 no bgp default ipv4-unicast
 neighbor NODES peer-group
 neighbor NODES remote-as ${AS}
 neighbor NODES timers 1 3
 bgp listen range 10.77.0.0/24 peer-group NODES
 address-family l2vpn evpn
  neighbor NODES activate
  neighbor NODES route-reflector-client
`
    const directory = await frrDirectory(lab, host, { 'bgpd.conf': config })
    const own = (name: string): string => join(directory, name)
    const files = ['-f', own('bgpd.conf'), '-i', own('bgpd.pid'), '-z', own('zebra')]
    const options = ['-n', '-l', RR, ...files, '--vty_socket', directory]
    lab.start(host.namespace, 'bgpd', '/usr/lib/frr/bgpd', ...options)
  })

  test('routes pass from node to node and leave again, at a hold time of 3 s', async () => {
    const [one] = await speaker(OURS)
    const [, red] = await speaker(THEIRS)
    advertise(one, OURS, MAC1)
    await learns(red, 1)
    advertise(one, OURS, MAC2)
    await learns(red, 2)
    one.withdraw(source, EVPN, macRoute(OURS, MAC1, '192.168.10.1'))
    await learns(red, 1)
    const { sessions, negotiated } = one.peers.get(ip(RR))!
    expect([negotiated?.holdTimeSeconds, sessions.establishedCount]).toEqual([3, 1])
  })
})

describe('with bagpipe-bgp as the other node', () => {
  const attachment = {
    vpn_instance_id: 'net1',
    vpn_type: 'evpn',
    import_rt: ['64512:10'],
    export_rt: ['64512:10'],
    mac_address: MAC2,
    ip_address: '192.168.10.2/24',
    gateway_ip: '192.168.10.254',
    local_port: { linuxif: 'tap-vm2' },
    vni: 100,
  }

  test('it sends our reflector what only a client without memberships is to get (RFC 4684 §4)', async () => {
    await startChanterReflector(lab, host, AS)
    const node = { name: 'node2', namespace: host.namespace, address: THEIRS }
    const { api } = await startBagpipe(lab, node, RR, AS, { evpn: 'dummy' })
    const exporting = { ...attachment, import_rt: ['64512:99'] }
    expect((await request(api, '/attach_localport', exporting)).status).toBe(200)
    const [, red] = await speaker(OURS, { families: [EVPN] })
    await learns(red, 2)
  })

  test('both learn from the other through our reflector', async () => {
    await startChanterReflector(lab, host, AS)
    const node = { name: 'node2', namespace: host.namespace, address: THEIRS }
    const { api } = await startBagpipe(lab, node, RR, AS, { evpn: 'dummy' })
    const [one, red] = await speaker(OURS)
    advertise(one, OURS, MAC1)
    expect((await request(api, '/attach_localport', attachment)).status).toBe(200)
    await learns(red, 2)
    await lab.eventually('bagpipe-bgp has our route as its best', async () => {
      const best = await fetchJson<object>(api, '/looking-glass/vpns/instances/net1/best_routes')
      return `('MAC', ${MAC1.toUpperCase()})` in best ? { value: best } : { seen: Object.keys(best).join() }
    })
    expect((await request(api, '/detach_localport', attachment)).status).toBe(200)
    await learns(red, 0)
  })
})
