import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Open } from '../../../src/bgp/message/open.ts'
import type { SpeakerConfig } from '../../../src/bgp/speaker-config.ts'
import type { TcpPeer } from '../../support/tcp-peer.ts'
import { HOST } from '../../support/victim.ts'
import { Field, type Stage } from './field.ts'

/** One thing a peer does, and what has to come of it. */
export interface Case {
  /** The RFC and its section, what is sent, and the reaction. */
  readonly name: string
  play(field: Field): Promise<void>
}

/** Plays the cases one after the other on one field. */
export function playAll(title: string, cases: readonly Case[], changes: Partial<SpeakerConfig> = {}): void {
  describe(title, () => {
    let field: Field
    beforeAll(async () => {
      field = await Field.open(changes)
    })
    afterAll(() => field.close())
    for (const { name, play } of cases) test(name, () => field.play(play))
  })
}

export interface Setting {
  /** Who sends; the internal peer unless given. */
  readonly host?: number
  /** Changes of its OPEN. */
  readonly open?: Partial<Open>
}

/** Ends with this NOTIFICATION, as in `1/2 0012`: code, subcode and data in hex, and nothing behind it. */
export async function expectNotification(peer: TcpPeer, expected: string): Promise<void> {
  await peer.ends()
  const { notification } = peer
  const told =
    notification &&
    `${notification.code}/${notification.subcode} ${Buffer.from(notification.data).toString('hex')}`
  expect(shorten(told?.trim() ?? peer.summary())).toBe(shorten(expected))
  expect(peer.heard.at(-1)?.type, 'a NOTIFICATION is the last message').toBe(3)
  expect(peer.ended).toBe('closed')
}

/** Long texts as what tells them apart. */
function shorten(text: string): string {
  if (text.length <= 500) return text
  return `${text.slice(0, 100)}… (${text.length} characters, sha256 ${createHash('sha256').update(text).digest('hex')})`
}

/** Ends without a word. */
export async function expectSilentEnd(peer: TcpPeer): Promise<void> {
  await peer.ends()
  expect(peer.notification, peer.summary()).toBeUndefined()
}

/** What is sent at a stage ends the session with a NOTIFICATION. */
export function refused(
  rfc: string,
  sent: string,
  at: Stage,
  bytes: Uint8Array,
  expected: string,
  setting: Setting = {},
): Case {
  return refusedEach(rfc, sent, at, [[bytes, expected]], setting)
}

/** The same for several of a kind, each on a connection of its own. */
export function refusedEach(
  rfc: string,
  sent: string,
  at: Stage,
  variants: readonly (readonly [bytes: Uint8Array, expected: string])[],
  { host = HOST.internal, open = {} }: Setting = {},
): Case {
  const [code = ''] = variants[0]![1].split(' ')
  return {
    name: `RFC ${rfc}: ${sent} in ${at} → ${code}`,
    async play(field) {
      for (const [bytes, expected] of variants) {
        const peer = await field.at(at, host, open)
        peer.send(bytes)
        await expectNotification(peer, expected)
        peer.hangUp()
      }
    },
  }
}

/** What is sent at a stage ends the session without an answer. */
export function dropped(
  rfc: string,
  sent: string,
  at: Stage,
  bytes: Uint8Array,
  check: (field: Field) => void = () => {},
): Case {
  return {
    name: `RFC ${rfc}: ${sent} in ${at} → closed`,
    async play(field) {
      const peer = await field.at(at)
      peer.send(bytes)
      await expectSilentEnd(peer)
      check(field)
    },
  }
}

/** What is sent on an established session does it no harm; `check` sees what came of it. */
export function survived(
  rfc: string,
  sent: string,
  reaction: string,
  bytes: Uint8Array | ((field: Field) => Uint8Array),
  check: (field: Field, peer: TcpPeer) => void | Promise<void> = () => {},
  { host = HOST.internal, open = {} }: Setting = {},
): Case {
  return {
    name: `RFC ${rfc}: ${sent} → ${reaction}`,
    async play(field) {
      const peer = await field.at('Established', host, open)
      peer.send(typeof bytes === 'function' ? bytes(field) : bytes)
      await field.taken(peer, host)
      await check(field, peer)
    },
  }
}

/** Anything else. */
export function scene(name: string, play: (field: Field) => Promise<void>): Case {
  return { name: `RFC ${name}`, play }
}
