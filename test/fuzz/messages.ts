import { readdirSync, readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { HEADER_LENGTH, MAX_MESSAGE_LENGTH, MessageType } from '../../src/bgp/constants.ts'
import { NO_FAMILIES, type SessionContext } from '../../src/bgp/context.ts'
import { describeMessage } from '../../src/bgp/describe/index.ts'
import { SessionError } from '../../src/bgp/errors.ts'
import { decodeMessage, type Message } from '../../src/bgp/message/index.ts'
import { encodeNotification, formatNotification } from '../../src/bgp/message/notification.ts'
import { encodeOpen } from '../../src/bgp/message/open.ts'
import { writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { encodeRouteRefresh } from '../../src/bgp/message/route-refresh.ts'
import { decodeUpdate, type Update } from '../../src/bgp/message/update.ts'
import { keyOf } from '../../src/bgp/nlri/codec.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { loadVectors, messageOf } from '../support/vectors.ts'
import { contextAt, contextOctet, written } from './codecs.ts'
import { mutateMessage } from './mutate.ts'
import { Broken, refusable, type Target } from './target.ts'

const RECORDED = new URL('../../fixtures/bgp/recorded/', import.meta.url)

/** Whole messages of every kind, each behind the octet of its context. */
const MESSAGES: readonly Buffer[] = [
  ...loadVectors().map((vector) => Buffer.concat([Buffer.of(contextOctet(vector)), messageOf(vector)])),
  ...readdirSync(RECORDED)
    .filter((name) => name.endsWith('.hex'))
    .map((name) => Buffer.from(`00${readFileSync(new URL(name, RECORDED), 'ascii').trim()}`, 'hex')),
]

/** Those that a peer could send, without the octet. */
export const PLAIN_MESSAGES: readonly Buffer[] = MESSAGES.map((message) => message.subarray(1))

/** Octets: context, byte stream. It is framed whole and in pieces, decoded, described, sent again. */
export const messageTarget: Target = {
  name: 'message',
  batch: 300,
  seeds: MESSAGES,
  mutate(input, random, other) {
    const context = random.oneIn(8) ? random.below(16) : (input[0] ?? 0)
    let stream = mutateMessage(input.subarray(1), random, other.subarray(1))
    if (random.oneIn(32)) stream = Buffer.concat([stream, other.subarray(1)])
    return Buffer.concat([Buffer.of(context), stream])
  },
  run(input) {
    const context = contextAt(input[0])
    const stream = input.subarray(1)
    const whole = framesOf([stream], context)
    const half = stream.length >>> 1
    const halves = framesOf([stream.subarray(0, half), stream.subarray(half)], context)
    if (!isDeepStrictEqual(whole, halves)) throw new Broken('framed otherwise in two pieces')
    describeMessage(stream, context)
    for (const bytes of whole) checkMessage(bytes, context)
  },
}

function framesOf(chunks: readonly Buffer[], { maxMessageLength }: SessionContext): Buffer[] {
  const framer = new Framer()
  framer.extended = maxMessageLength > MAX_MESSAGE_LENGTH
  const frames: Buffer[] = []
  refusable([SessionError], () => {
    for (const chunk of chunks) {
      framer.push(Buffer.from(chunk))
      for (let frame = framer.next(); frame !== null; frame = framer.next())
        frames.push(Buffer.from(frame.bytes))
    }
  })
  return frames
}

function checkMessage(bytes: Buffer, context: SessionContext): void {
  const frame = { type: bytes[HEADER_LENGTH - 1]!, bytes }
  const message = refusable([SessionError], () => decodeMessage(frame, context))
  describeMessage(bytes, context)
  if (message === undefined) return
  if (message.type === 'update') return checkUpdate(message.update, context)
  const again = encoded(message, context)
  if (again === undefined) return
  const second = decodeMessage({ type: frame.type, bytes: again }, context)
  if (!encoded(second, context)?.equals(again))
    throw new Broken(`${message.type} is sent otherwise the second time`)
}

function encoded(message: Message, context: SessionContext): Buffer | undefined {
  switch (message.type) {
    case 'open': {
      const { addPath, extendedNextHop, longLivedGracefulRestart } = message.open.capabilities
      const lists = [4 * addPath.length, 6 * extendedNextHop.length, 7 * longLivedGracefulRestart.length]
      return Math.max(...lists) > 255 ? undefined : encodeOpen(message.open)
    }
    case 'notification':
      formatNotification(message.notification)
      return encodeNotification(message.notification, context)
    case 'route-refresh':
      return encodeRouteRefresh(message.refresh)
    case 'keepalive':
    case 'update':
      return undefined
  }
}

/** What an UPDATE says can be shown, and can be passed on to anyone: they understand the same. */
function checkUpdate(update: Update, context: SessionContext): void {
  const { reach, unreach, attributes, verdict } = update
  for (const { family, nlri } of [...reach, ...unreach]) {
    const codec = nlriCodec(family)
    for (const one of nlri) {
      if (codec !== undefined) keyOf(codec, one)
      codec?.format(one)
    }
  }
  if (verdict !== null) return
  const sending = { ...context, addPathReceive: NO_FAMILIES }
  for (const { family, nlri, nextHop } of reach) {
    if (nlri.length === 0 || attributes.prefixSid !== null) continue
    const bytes = refusable([RangeError], () =>
      written((w) => writeReach(w, family, nextHop, nlri, attributes, sending)),
    )
    if (bytes === undefined) continue
    const received = framesOf([bytes], sending).map((one) => decodeUpdate(one, sending))
    const sent = received.flatMap((one) => one.reach.flatMap((list) => list.nlri))
    if (!isDeepStrictEqual(sent, nlri)) throw new Broken('other routes are received than were sent')
    for (const one of received) {
      if (one.verdict !== null) throw new Broken(`we send what is malformed: ${one.findings[0]?.reason}`)
      const { nextHop: ours, ...meant } = attributes
      const { nextHop: _, ...understood } = one.attributes
      if (!isDeepStrictEqual({ ...understood, nextHop: ours }, { ...meant, nextHop: ours }))
        throw new Broken('other attributes are received than were sent')
    }
  }
  for (const { family, nlri } of unreach) {
    if (nlri.length === 0) continue
    const codec = nlriCodec(family)!
    const bytes = written((w) =>
      writeUnreach(
        w,
        family,
        nlri.map((one) => codec.withdrawal?.(one) ?? one),
        sending,
      ),
    )
    const received = framesOf([bytes], sending).map((one) => decodeUpdate(one, sending))
    const keys = received.flatMap((one) =>
      one.unreach.flatMap((list) => list.nlri.map((item) => keyOf(codec, item))),
    )
    if (
      !isDeepStrictEqual(
        keys,
        nlri.map((one) => keyOf(codec, one)),
      )
    )
      throw new Broken('other routes are withdrawn than were advertised')
  }
}

/** Whether bytes begin as a message of this type. */
export function isOfType(bytes: Buffer, type: keyof typeof MessageType): boolean {
  return bytes[HEADER_LENGTH - 1] === MessageType[type]
}
