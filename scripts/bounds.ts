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
import { until } from '../test/support/until.ts'

const THEIRS = '10.77.0.1'
/** Each session comes from another address than the ones before it. */
const SENDERS = Array.from({ length: 200 }, (_, i) => `10.77.0.${11 + i}`)
/** A peer that has not ended a session after that time keeps it. */
const PATIENCE_SECONDS = 2
const CONNECT_SECONDS = 20
/** Bounds that are played at once. What differs is played again alone, and that counts. */
const AT_ONCE = 16

/** What the session shows of a verdict: routes are not looked at. */
type Seen = 'kept' | 'closed' | 'the peer died' | 'no answer' | 'no session' | `reset ${string}`

function seenOf(verdict: Verdict): Seen {
  return verdict === 'closed' || verdict.startsWith('reset') ? (verdict as Seen) : 'kept'
}

let sessions = 0

/** A connection whose session is at that stage. */
function connect(stage: Bound['at']): Promise<TcpPeer> {
  const attempt = async () => {
    const peer = TcpPeer.connect(SENDERS[sessions++ % SENDERS.length]!, THEIRS, 179)
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

/** Whether the peer still lives; one that does not is started again. */
async function lives(peer: RealPeer): Promise<boolean> {
  if (peer.failure === undefined) return true
  await peer.kill()
  await peer.start()
  return false
}

/** Plays one alone. A connection that closes without a word may be all that is seen yet of a death. */
async function playAlone(peer: RealPeer, bound: Bound): Promise<Seen> {
  const seen = await play(bound).catch((): Seen => 'no session')
  if (seen === 'closed' && bound.verdict !== 'closed') {
    await until('the death of the peer', () => peer.failure, { withinSeconds: PATIENCE_SECONDS }).catch(
      () => null,
    )
  }
  return (await lives(peer)) ? seen : 'the peer died'
}

interface Score {
  readonly topic: string
  readonly cases: number
  differing: number
  deaths: number
}

async function playTopic(peer: RealPeer, topic: string, bounds: readonly Bound[]): Promise<Score> {
  const score = { topic, cases: bounds.length, differing: 0, deaths: 0 }
  for (let first = 0; first < bounds.length; first += AT_ONCE) {
    const some = bounds.slice(first, first + AT_ONCE)
    const seen = await Promise.all(some.map((bound) => play(bound).catch(() => null)))
    const again = some.filter((bound, i) => seen[i] !== seenOf(bound.verdict))
    const suspects = (await lives(peer)) ? again : some
    for (const bound of suspects) {
      const outcome = await playAlone(peer, bound)
      if (outcome === seenOf(bound.verdict)) continue
      score.differing++
      if (outcome === 'the peer died') score.deaths++
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
const scores: Score[] = []
try {
  const hub = await addReflector(lab, SENDERS[0]!)
  for (const address of SENDERS.slice(1))
    await run('ip', '-n', hub.namespace, 'addr', 'add', `${address}/24`, 'dev', UNDERLAY)
  const peer = newPeer(lab, await addNode(lab, hub, 'peer', THEIRS))
  await peer.start()
  for (const [topic, bounds] of topics) scores.push(await playTopic(peer, topic, bounds))
  await peer.kill()
} finally {
  lab.close()
}
const sum = (of: (score: Score) => number): number => scores.reduce((total, score) => total + of(score), 0)
scores.push({
  topic: 'all',
  cases: sum(({ cases }) => cases),
  differing: sum(({ differing }) => differing),
  deaths: sum(({ deaths }) => deaths),
})
console.table(
  Object.fromEntries(
    scores.map(({ topic, cases, differing, deaths }) => [
      topic,
      { cases, agreed: cases - differing, differing, deaths },
    ]),
  ),
)
