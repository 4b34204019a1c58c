import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MessageType } from '../src/bgp/constants.ts'
import { Lab } from '../src/lab/lab.ts'
import { addNode, addReflector, type Host } from '../src/lab/network.ts'
import { type Bound, KEEPALIVE, openMessage, type Verdict } from '../test/bgp/bounds/bound.ts'
import { BOUNDS } from '../test/bgp/bounds/index.ts'
import { Frr } from '../test/support/frr.ts'
import { TcpPeer } from '../test/support/tcp-peer.ts'

const OURS = '10.77.0.11'
const THEIRS = '10.77.0.1'
/** A peer that has not ended a session after that time keeps it. */
const PATIENCE_SECONDS = 0.3
const CONNECT_SECONDS = 40

const FRR_CONFIG = `router bgp 64512
 bgp router-id ${THEIRS}
 neighbor ${OURS} remote-as 64512
 neighbor ${OURS} passive
 neighbor ${OURS} timers connect 1
${['ipv4 vpn', 'ipv6 vpn', 'l2vpn evpn'].map((family) => ` address-family ${family}\n  neighbor ${OURS} activate\n exit-address-family\n`).join('')}`

const GOBGP_FAMILIES = [
  'l2vpn-evpn',
  'l3vpn-ipv4-unicast',
  'l3vpn-ipv6-unicast',
  'rtc',
  'l3vpn-ipv4-flowspec',
  'l3vpn-ipv6-flowspec',
]
const GOBGP_CONFIG = `[global.config]
as = 64512
router-id = "${THEIRS}"
[[neighbors]]
[neighbors.config]
neighbor-address = "${OURS}"
peer-as = 64512
[neighbors.transport.config]
passive-mode = true
[neighbors.timers.config]
idle-hold-time-after-reset = 1
${GOBGP_FAMILIES.map((name) => `[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "${name}"\n`).join('')}`

const start: Readonly<Record<string, (lab: Lab, host: Host) => Promise<() => boolean>>> = {
  async frr(lab, host) {
    const { pids } = await Frr.start(lab, host, FRR_CONFIG)
    return () => pids.every(isRunning)
  },
  async gobgp(lab, host) {
    const file = join(lab.directory, 'gobgpd.conf')
    writeFileSync(file, GOBGP_CONFIG)
    let { pid } = lab.start(host.namespace, 'gobgpd', 'gobgpd', '--pprof-disable', '-f', file)
    return () => {
      if (isRunning(pid ?? 0)) return true
      pid = lab.start(host.namespace, 'gobgpd', 'gobgpd', '--pprof-disable', '-f', file).pid
      return false
    }
  },
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** What the session shows of a verdict: routes are not looked at. */
type Seen = 'kept' | 'closed' | 'the peer ended' | `reset ${string}`
const seenOf = (verdict: Verdict): Seen =>
  verdict === 'closed' || verdict.startsWith('reset') ? (verdict as Seen) : 'kept'

/** A connection whose session is at that stage; peers that are about to take one are asked again. */
async function connect(lab: Lab, stage: Bound['at']): Promise<TcpPeer> {
  const attempt = async () => {
    const peer = TcpPeer.connect(OURS, THEIRS, 179)
    try {
      await peer.hears(MessageType.Open)
      if (stage === 'OpenSent') return { value: peer }
      peer.send(openMessage())
      await peer.hears(MessageType.Keepalive)
      if (stage === 'Established') peer.keepAlive().send(KEEPALIVE)
      return { value: peer }
    } catch (error) {
      peer.hangUp()
      return { seen: (error as Error).message }
    }
  }
  return lab.eventually(`a session in ${stage}`, attempt, CONNECT_SECONDS)
}

async function play(peer: TcpPeer, { at, before, bytes }: Bound): Promise<Seen> {
  peer.send(...before, bytes)
  const isOpen = at === 'OpenSent' && bytes[18] === MessageType.Open
  const ended = await peer.ends(PATIENCE_SECONDS).catch(() => null)
  if (isOpen && ended === null) peer.keepAlive().send(KEEPALIVE)
  const { notification } = peer
  if (notification !== undefined) return `reset ${notification.code}/${notification.subcode}`
  return ended === null ? 'kept' : 'closed'
}

const { values } = parseArgs({
  options: { peer: { type: 'string', default: 'frr' }, topic: { type: 'string' } },
})
const launch = start[values.peer]
if (launch === undefined) throw new Error(`PEER is one of ${Object.keys(start).join(', ')}`)
const bounds = Object.entries(BOUNDS)
  .filter(([topic]) => values.topic === undefined || topic.includes(values.topic))
  .flatMap(([, list]) => list)

const lab = new Lab()
let differences = 0
try {
  const hub = await addReflector(lab, OURS)
  const host = await addNode(lab, hub, 'peer', THEIRS)
  const lives = await launch(lab, host)
  let session: TcpPeer | null = null
  for (const bound of bounds) {
    if (bound.at !== 'Established' || session?.ended !== null) {
      session?.hangUp()
      session = await connect(lab, bound.at)
    }
    let seen: Seen = await play(session, bound)
    if (!lives()) seen = 'the peer ended'
    if (bound.at !== 'Established' || seen !== 'kept') {
      session.hangUp()
      session = null
    }
    const due = seenOf(bound.verdict)
    if (seen === due) continue
    differences++
    console.log(`RFC ${bound.rfc}: ${bound.name}: ${due}; ${values.peer}: ${seen}`)
  }
} finally {
  lab.close()
}
console.log(`${bounds.length} bounds, ${differences} of which ${values.peer} answers otherwise`)
