import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EVPN, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import type { DaemonEvent, EventSink } from '../../src/events/event.ts'
import { Recorder } from '../../src/record/recorder.ts'
import { formatIp, parseInterfaceAddress } from '../../src/values/address.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { VpnService } from '../../src/vpn/service.ts'
import type { SavedState } from '../../src/vpn/state.ts'
import { noEvents } from '../support/events.ts'
import { temporaryFiles } from '../support/files.ts'
import { attachRequest, mac, TestNode } from '../support/node.ts'
import { type Replayed, readRecording, replay } from '../support/replay.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { decodeState, encodeState } from '../support/state.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const REFLECTOR = '10.77.0.1'
const FAMILIES = [EVPN, VPNV4, VPNV6]
/** No timer is due at the moment at which octets arrive: the order of the two is not recorded. */
const LATENCY_MS = 1.37
const [FIRST, SECOND, THIRD] = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03'].map(mac)

const routed = (address: string, changes: Partial<AttachRequest> = {}): AttachRequest =>
  attachRequest({
    instanceId: 'vrf1',
    type: 'ipvpn',
    vni: null,
    mac: SECOND!,
    port: 'tap2',
    ip: parseInterfaceAddress(address)!,
    importTargets: [rt('64512:20')],
    exportTargets: [rt('64512:20')],
    ...changes,
  })

function testNode(address: string, clock: VirtualClock, network: VirtualNetwork): TestNode {
  const peers = [peerConfig(REFLECTOR, { families: FAMILIES })]
  const node = new TestNode(address, peers, clock, network)
  for (const name of ['tap1', 'tap2', 'tap3', 'mpls0']) node.driver.kernel.addLink(name, { up: true })
  return node
}

/** What events tell of the routes of each peer and family. */
class RouteTotals implements EventSink {
  readonly of = new Map<string, { received: number; withdrawn: number; routes: number }>()

  emit(event: DaemonEvent): void {
    if (event.type !== 'routes-changed') return
    const { peer, family, routes } = event
    const { received, withdrawn } = this.of.get(`${peer} ${family}`) ?? { received: 0, withdrawn: 0 }
    const totals = { received: received + event.received, withdrawn: withdrawn + event.withdrawn, routes }
    this.of.set(`${peer} ${family}`, totals)
  }
}

/** A daemon that continues from `state` on the machine of `node`, and records its input as `runDaemon` does. */
async function continuing(node: TestNode, state: SavedState, clock: VirtualClock, network: VirtualNetwork) {
  const lines: string[] = []
  const output = {
    write: (line: string) => void lines.push(line),
    health: () => ({ path: null, dropped: 0, failure: null }),
  }
  const events = new RouteTotals()
  const recorder = new Recorder({ clock, output, events: noEvents })
  const reconciler = new Reconciler({ clock, driver: node.driver, events: noEvents })
  const speaker = new Speaker(
    {
      ...SPEAKER_DEFAULTS,
      as: 64512,
      identifier: ip(A),
      localAddress: ip(A),
      peers: [peerConfig(REFLECTOR, { families: FAMILIES })],
      restart: {
        timeSeconds: 120,
        families: FAMILIES,
        isRestart: true,
        holdsEndOfRib: false,
        followsOthers: false,
      },
    },
    { clock, random: recorder.random, transport: recorder.transport(network.transport), events },
    () => reconciler.complete(),
  )
  const vpn = node.vpnConfig
  recorder.begin({ chanter: '1', speaker: speaker.config, vpn, state, former: null })
  const vpns = new VpnService(
    vpn,
    speaker,
    Dataplanes.shared(recorder.dataplane(reconciler)),
    noEvents,
    async () => {},
  )
  await vpns.restore(state)
  reconciler.start()
  recorder.write({ type: 'started' })
  await speaker.start()
  const recording = () => readRecording(join(temporaryFiles({ recording: lines.join('') }), 'recording'))
  return { agent: recorder.attachments(vpns), reconciler, speaker, vpns, recording, events }
}

/** What the core is to the agent, to peers and to the kernel. */
function stateOf({ speaker, vpns }: Pick<Replayed, 'speaker' | 'vpns'>, desired: Iterable<Entry>) {
  return {
    snapshot: vpns.snapshot(),
    labels: [...vpns.labels.entries()],
    routes: FAMILIES.flatMap((family) =>
      [...speaker.rib.best(family)].map(
        ({ nlri, set, source }) =>
          `${nlriCodec(family)!.format(nlri)} via ${set.nextHop === null ? '-' : formatIp(set.nextHop)} from ${source.name}`,
      ),
    ).sort(),
    desired: new Map([...desired].map((entry) => [identity(entry), entry])),
  }
}

test('a run that continues from a state file, with EVPN and IP VPNs, ends in the same state when it is replayed', async () => {
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock, LATENCY_MS)
  const clients = [A, B].map((at) => peerConfig(at, { families: FAMILIES, reflectorClient: true }))
  speakerAt(REFLECTOR, clients, clock, network, { clusterId: ip(REFLECTOR) })
  const finish = async <T>(promise: Promise<T>): Promise<T> => {
    await clock.run(500.25)
    return promise
  }

  const former = testNode(A, clock, network)
  const remote = testNode(B, clock, network)
  await finish(former.vpns.attach(attachRequest({ description: { port: 'p-1' } })))
  await finish(former.vpns.attach(routed('192.168.20.2/24', { fallback: { src_port: 'gw' } })))
  await finish(remote.vpns.attach(routed('192.168.20.9/24')))
  const state = decodeState(encodeState({ kernel: '', ...former.vpns.snapshot() }))
  former.speaker.stop('')
  former.reconciler.stop()
  await clock.run(1000)

  const here = await continuing(former, state, clock, network)
  await finish(remote.vpns.attach(attachRequest({ mac: THIRD!, port: 'tap1', ip: null })))
  await finish(
    here.agent.attach(routed('2001:db8::3/64', { mac: THIRD!, port: 'tap3', gatewayIp: ip('2001:db8::1') })),
  )
  await finish(
    here.agent.attach(routed('192.168.30.1/24', { instanceId: 'vrf2', mac: FIRST!, port: { evpn: 'net1' } })),
  )
  await finish(here.agent.detach({ instanceId: 'vrf1', type: 'ipvpn', mac: SECOND!, ip: null }))
  const unknown = finish(here.agent.detach({ instanceId: 'vrf9', type: 'ipvpn', mac: SECOND!, ip: null }))
  await expect(unknown).rejects.toThrow('vrf9')
  await clock.run(10_000)

  const live = stateOf(
    here,
    [...here.reconciler.statuses.entries()].map(({ entry }) => entry),
  )
  const events = new RouteTotals()
  const replayed = await replay(here.recording(), events)
  expect(stateOf(replayed, replayed.desired.values())).toEqual(live)
  expect(events.of).toEqual(here.events.of)
  expect(live.routes.filter((route) => route.endsWith(`from BGP-${REFLECTOR}`))).toHaveLength(
    [...events.of.values()].reduce((sum, { routes }) => sum + routes, 0),
  )
  expect(replayed.refusals).toEqual([expect.stringContaining('vrf9')])
  expect(live.snapshot.instances.map(({ id }) => id)).toEqual(['net1', 'vrf1', 'vrf2'])
  expect(live.routes.filter((route) => route.includes(`via ${B}`))).toHaveLength(3)
  const kinds = new Set([...live.desired.values()].map(({ kind }) => kind))
  expect([...kinds]).toEqual(expect.arrayContaining(['remote-mac', 'vrf']))
})
