import { readFileSync } from 'node:fs'
import { type Capture, type Packet, readCapture } from '../../src/cli/decode/capture.ts'
import { decodeCapture } from '../../src/cli/decode/captured.ts'
import type { Decoded } from '../../src/cli/decode/decoded.ts'

export const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/decode/${name}`, import.meta.url))
export const captureOf = (name: string): Capture => readCapture(fixture(name))!
export const session = captureOf('session.pcapng')

export const decode = (packets: readonly Packet[], port = 179): Decoded[] => [
  ...decodeCapture({ packets, problem: null }, port, {}),
]

/** The messages without when and where they were seen. */
export const contents = (decoded: readonly Decoded[]): unknown[] =>
  decoded.map(({ frame, time, source, destination, ...content }) => content)

export const ETHERNET_HEADER = 14
const IP_HEADER = 20
export const TCP_HEADER_AT = ETHERNET_HEADER + IP_HEADER

export const whole = decode(session.packets)
