import { parseArgs } from 'node:util'
import { MessageType } from '../src/bgp/constants.ts'
import { run } from '../src/lab/command.ts'
import { eventually } from '../src/lab/eventually.ts'
import { Lab } from '../src/lab/lab.ts'
import { addNode, addReflector, UNDERLAY } from '../src/lab/network.ts'
import { type Bound, KEEPALIVE, openMessage, type Verdict } from '../test/bgp/bounds/bound.ts'
import { BOUNDS } from '../test/bgp/bounds/index.ts'
import { REAL_PEERS, type RealPeer } from '../test/bgp/bounds/real-peers.ts'
import { TcpPeer } from '../test/support/tcp-peer.ts'

const THEIRS = '10.77.0.1'
/** Each session comes from another address than the ones before it. */
const SENDERS = Array.from({ length: 200 }, (_, i) => `10.77.0.${11 + i}`)
/** A peer that has not ended a session after that time keeps it. */
const PATIENCE_SECONDS = 2
const CONNECT_SECONDS = 20
/** Bounds that are played at once. What differs is played again alone, and that counts. */
const AT_ONCE = 16

/** What the session shows of a verdict: routes are not looked at. */
type Seen = 'kept' | 'closed' | `crash: ${string}` | 'no answer' | 'no session' | `reset ${string}`

function seenOf(verdict: Verdict): Seen {
  return verdict === 'closed' || verdict.startsWith('reset') ? (verdict as Seen) : 'kept'
}

let sessions = 0
const newConnection = (): TcpPeer => TcpPeer.connect(SENDERS[sessions++ % SENDERS.length]!, THEIRS, 179)

/** A connection whose session is at that stage. */
function connect(stage: Bound['at']): Promise<TcpPeer> {
  const attempt = async () => {
    const peer = newConnection()
    try {
      await peer.receives(MessageType.Open)
      if (stage === 'OpenSent') return { value: peer }
      peer.send(openMessage())
      await peer.receives(MessageType.Keepalive)
      if (stage === 'Established') peer.keepAlive().send(KEEPALIVE)
      return { value: peer }
    } catch (error) {
      peer.hangUp()
      return { seen: (error as Error).message }
    }
  }
  return eventually(`a session in ${stage}`, attempt, CONNECT_SECONDS)
}

async function play({ at, before, bytes }: Bound): Promise<Seen> {
  const peer = await connect(at)
  try {
    peer.send(...before, bytes)
    const isOpen = at === 'OpenSent' && bytes[18] === MessageType.Open
    const ended = await peer.ends(PATIENCE_SECONDS).catch(() => null)
    const { notification } = peer
    if (notification !== undefined) return `reset ${notification.code}/${notification.subcode}`
    if (ended !== null) return 'closed'
    return isOpen && peer.count(MessageType.Keepalive) === 0 ? 'no answer' : 'kept'
  } finally {
    peer.hangUp()
  }
}

/** Whether the peer still lives when it has dealt with what was played: it answers another connection then. */
function survives(peer: RealPeer): Promise<boolean> {
  const look = async () => {
    if (peer.failure !== undefined) return { value: false }
    const probe = newConnection()
    try {
      await probe.receives(MessageType.Open)
      return { value: peer.failure === undefined }
    } finally {
      probe.hangUp()
    }
  }
  return eventually('an answer of the peer, or its end', look, CONNECT_SECONDS)
}

/** Plays one alone, so that a crash is known to be its doing. */
async function playAlone(peer: RealPeer, bound: Bound): Promise<Seen> {
  const seen = await play(bound).catch((): Seen => 'no session')
  if (await survives(peer)) return seen
  const { failure } = peer
  await restart(peer)
  return `crash: ${failure}`
}

async function restart(peer: RealPeer): Promise<void> {
  await peer.kill()
  await peer.start()
}

interface Score {
  readonly cases: number
  /** About families that the peer does not have: not played. */
  readonly unsupported: number
  differing: number
  crashes: number
}

async function playTopic(peer: RealPeer, topic: string, all: readonly Bound[]): Promise<Score> {
  const bounds = all.filter(({ name }) => peer.lacks?.test(name) !== true)
  const score = { cases: all.length, unsupported: all.length - bounds.length, differing: 0, crashes: 0 }
  for (let first = 0; first < bounds.length; first += AT_ONCE) {
    const some = bounds.slice(first, first + AT_ONCE)
    const seen = await Promise.all(some.map((bound) => play(bound).catch(() => null)))
    const again = some.filter((bound, i) => seen[i] !== seenOf(bound.verdict))
    const hasCrashed = !(await survives(peer))
    if (hasCrashed) await restart(peer)
    for (const bound of hasCrashed ? some : again) {
      const outcome = await playAlone(peer, bound)
      if (outcome === seenOf(bound.verdict)) continue
      score.differing++
      if (outcome.startsWith('crash')) score.crashes++
      console.log(`RFC ${bound.rfc}: ${bound.name}: ${seenOf(bound.verdict)}; ${values.peer}: ${outcome}`)
    }
    console.error(`${topic}: ${Math.min(first + AT_ONCE, bounds.length)} of ${bounds.length}`)
  }
  return score
}

const { values } = parseArgs({
  options: { peer: { type: 'string', default: 'frr' }, topic: { type: 'string' } },
})
const newPeer = REAL_PEERS[values.peer]
if (newPeer === undefined) throw new Error(`PEER is one of ${Object.keys(REAL_PEERS).join(', ')}`)
const topics = Object.entries(BOUNDS).filter(([topic]) => topic.includes(values.topic ?? ''))

const lab = new Lab()
const scores = new Map<string, Score>()
try {
  const hub = await addReflector(lab, SENDERS[0]!)
  for (const address of SENDERS.slice(1))
    await run('ip', '-n', hub.namespace, 'addr', 'add', `${address}/24`, 'dev', UNDERLAY)
  const peer = newPeer(lab, await addNode(lab, hub, 'peer', THEIRS))
  await peer.start()
  for (const [topic, bounds] of topics) scores.set(topic, await playTopic(peer, topic, bounds))
  await peer.kill()
} finally {
  lab.close()
}
const sum = (of: (score: Score) => number): number =>
  [...scores.values()].reduce((total, score) => total + of(score), 0)
scores.set('all', {
  cases: sum(({ cases }) => cases),
  unsupported: sum(({ unsupported }) => unsupported),
  differing: sum(({ differing }) => differing),
  crashes: sum(({ crashes }) => crashes),
})
console.table(
  Object.fromEntries(
    [...scores].map(([topic, { cases, unsupported, differing, crashes }]) => [
      topic,
      { cases, unsupported, agreed: cases - unsupported - differing, differing, crashes },
    ]),
  ),
)
