import type { JsonObject } from '../../values/json.ts'
import { MAX_MESSAGE_LENGTH } from '../constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../context.ts'
import { familyName } from '../family.ts'
import { decodeOpen, type Open } from '../message/open.ts'
import { type Negotiated, negotiate } from '../session/negotiate.ts'
import type { MessageDescription } from './description.ts'
import { describeMessage } from './index.ts'
import { isInternalBy } from './session-kind.ts'

/** One of the two ends of a connection. */
export type End = 0 | 1

/** Both directions of a session: the captured OPENs decide how to read later messages, unless `overrides` replace them. */
export class Conversation {
  private readonly opens: [Open | null, Open | null] = [null, null]
  private readonly overrides: Partial<SessionContext>
  /** The kind of session by the first UPDATE that shows it, where OPENs are missing. */
  private internal: boolean | null = null

  constructor(overrides: Partial<SessionContext>) {
    this.overrides = overrides
  }

  /** Describes the next message from `end`; messages come in the order of their time. */
  describe(end: End, bytes: Buffer): MessageDescription {
    this.internal ??= isInternalBy(bytes, this.context(end))
    const described = describeMessage(bytes, this.context(end))
    if (described.type !== 'OPEN' || described.verdict === 'reset') return described
    this.opens[end] = decodeOpen(bytes)
    const negotiated = this.negotiated(end)
    return negotiated === undefined ? described : { ...described, agreed: describeAgreement(...negotiated) }
  }

  /** How to read messages from `end`. With one OPEN alone, at most short AS numbers are known. */
  private context(end: End): SessionContext {
    const [negotiated] = this.negotiated(end) ?? []
    const received = this.opens.filter((open) => open !== null)
    const fourOctetAs = received.every(({ capabilities }) => capabilities.fourOctetAs !== null)
    const internal = this.internal ?? DEFAULT_CONTEXT.internal
    return { ...DEFAULT_CONTEXT, fourOctetAs, internal, ...negotiated?.context, ...this.overrides }
  }

  /** The negotiation from each end; undefined until both OPENs are known. */
  private negotiated(end: End): [Negotiated, Negotiated] | undefined {
    const sender = this.opens[end]
    const receiver = this.opens[end === 0 ? 1 : 0]
    return sender && receiver ? [negotiate(receiver, sender), negotiate(sender, receiver)] : undefined
  }
}

/** `received` is what the sender of the second OPEN may send, `sent` what it may be sent. */
function describeAgreement(received: Negotiated, sent: Negotiated): JsonObject {
  const names = (families: Iterable<number>): string[] => [...families].map(familyName)
  const { context } = received
  return {
    internal: context.internal,
    four_octet_as: context.fourOctetAs,
    extended_messages: context.maxMessageLength > MAX_MESSAGE_LENGTH,
    hold_time_seconds: received.holdTimeSeconds,
    families: names(received.families),
    add_path_from_source: names(context.addPathReceive),
    add_path_from_destination: names(sent.context.addPathReceive),
  }
}
