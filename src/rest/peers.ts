import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RequestError } from '../api/errors.ts'
import { MAX_REASON_OCTETS } from '../api/peers.ts'
import { ROUTES } from '../api/routes.ts'
import type { BgpPeer } from '../bgp/bgp-peer.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { EventSink } from '../events/event.ts'
import { parseIp } from '../values/address.ts'
import { readBody } from './body.ts'
import { peerSummary, whyDown } from './looking-glass/peers.ts'
import { serve } from './serve.ts'
import { refuseOthers } from './status.ts'

type PeerAction = 'enable' | 'disable' | 'reset' | 'refresh'
type Act = (peer: BgpPeer, text: string) => void

/** The actions of an operator on a peer; throws `RequestError` where one is impossible. `text` goes to the peer (RFC 9003). */
const ACTIONS: Readonly<Record<PeerAction, Act>> = {
  enable: (peer) => peer.enable(),
  disable: (peer, text) => peer.disable(text),
  reset(peer, text) {
    if (peer.disabled)
      throw new RequestError('PEER_DISABLED', `${peer.sessions.name} is disabled: enable it first`)
    peer.reset(text)
  },
  refresh,
}

/** The actions that send a text to the peer. */
const SPEAKING = ['disable', 'reset']
/** `POST /bgp/peers/{address}/{action}`; answers with the peer's entry in the list of peers. */
export function addPeers(app: FastifyInstance, { peers }: Speaker, events: EventSink): void {
  for (const [action, act] of Object.entries(ACTIONS) as [PeerAction, Act][]) {
    const documented = ROUTES[action]
    serve(app, documented, (request, reply) => {
      const { address } = request.params as { readonly address: string }
      const peer = named(address, peers)
      const reason = readReason(action, request.body)
      act(peer, reason)
      events.emit({ type: 'peer-order', peer: peer.sessions.name, action, reason })
      return reply.type('application/json').send(JSON.stringify(peerSummary(peer)))
    })
    refuseOthers(app, documented.url, ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
  }
}

function named(text: string, all: Speaker['peers']): BgpPeer {
  const address = parseIp(text)
  if (address === undefined) throw new RequestError('PARAMETER_INVALID', `'${text}' is not an IP address`)
  const peer = all.get(address)
  if (peer !== undefined) return peer
  const peers = [...all.values()].map(({ sessions }) => sessions.name)
  throw new RequestError('PEER_NOT_FOUND', `${text} is no peer; the peers are ${peers.join(', ') || 'none'}`)
}

/** The text for the peer; empty for none. */
function readReason(action: string, body: FastifyRequest['body']): string {
  const { reason = '', ...rest } = object(body)
  const [stranger] = Object.keys(rest)
  if (stranger !== undefined)
    throw new RequestError('PARAMETER_UNKNOWN', `unknown parameter '${stranger}': expected 'reason' alone`)
  if (typeof reason !== 'string')
    throw new RequestError('PARAMETER_INVALID', `'reason' is ${JSON.stringify(reason)}: expected a string`)
  const octets = Buffer.byteLength(reason)
  if (octets > MAX_REASON_OCTETS) {
    throw new RequestError(
      'PARAMETER_INVALID',
      `'reason' has ${octets} octets in UTF-8: expected at most ${MAX_REASON_OCTETS}`,
    )
  }
  if (reason !== '' && !SPEAKING.includes(action)) {
    throw new RequestError(
      'PARAMETER_INVALID',
      `'reason' is for ${SPEAKING.join(' and ')}: ${action} tells the peer nothing`,
    )
  }
  return reason
}

/** The content of a JSON body; an empty object without a body. */
function object(body: unknown): Record<string, unknown> {
  const value = readBody(body)
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RequestError('BODY_NOT_OBJECT', 'the body must be a JSON object')
  return { ...value }
}

function refresh(peer: BgpPeer): void {
  const { sessions, negotiated } = peer
  if (negotiated === null)
    throw new RequestError('PEER_NOT_ESTABLISHED', `no session with ${sessions.name}: ${whyDown(peer)}`)
  const asked = [...negotiated.families].map((family) => peer.requestRefresh(family))
  if (asked.includes(false))
    throw new RequestError(
      'REFRESH_UNSUPPORTED',
      `${sessions.name} does not know route refresh: reset it instead`,
    )
}
