import { UnixDatagram } from '../linux/datagram.ts'
import type { Sink } from './sink.ts'

export const SYSLOG_SOCKET = '/dev/log'
export const JOURNAL_SOCKET = '/run/systemd/journal/socket'
const IDENTIFIER = 'chanter'
/** Severities of syslog(3) by the levels of the log. */
const SEVERITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7 }
const INFORMATIONAL = 6
/** Longer lines are cut where the receiver does not take them. */
const CUT_OCTETS = 8192

/** A line of the log, parsed. */
interface SinkMessage {
  readonly text: string
  readonly severity: number
  readonly fields: Readonly<Record<string, unknown>>
}

/** Syslog, with the line as the message; `facility` is its number in syslog(3). */
export function syslogSink(facility: number, path = SYSLOG_SOCKET): Sink {
  return messageSink(path, ({ severity, text }) =>
    Buffer.from(`<${facility * 8 + severity}>${IDENTIFIER}[${process.pid}]: ${text}`),
  )
}

/** The journal in its native protocol: the fields of the line are fields of the entry too. */
export function journalSink(facility: number, path = JOURNAL_SOCKET): Sink {
  return messageSink(path, ({ severity, fields: { msg, level: _, time: __, ...fields }, text }) => {
    const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
    const own = Object.entries(fields).map(([name, value]) => journalField(fieldName(name), value))
    return Buffer.concat([
      journalField('MESSAGE', msg === undefined ? text : `${msg}${details}`),
      journalField('PRIORITY', severity),
      journalField('SYSLOG_FACILITY', facility),
      journalField('SYSLOG_IDENTIFIER', IDENTIFIER),
      ...own,
    ])
  })
}

/** Sends each line as a datagram; connects again after a failure. */
function messageSink(path: string, encode: (line: SinkMessage) => Buffer): Sink {
  let socket: UnixDatagram | null = null
  const send = (bytes: Buffer): void => {
    socket ??= new UnixDatagram(path)
    try {
      socket.send(bytes)
    } catch (error) {
      socket.close()
      socket = null
      throw error
    }
  }
  const writeSync = (bytes: Buffer): void => {
    const line = parse(bytes.toString().trimEnd())
    try {
      send(encode(line))
    } catch (error) {
      if (codeOf(error) !== 'EMSGSIZE') throw error
      send(encode({ ...line, text: line.text.slice(0, CUT_OCTETS), fields: {} }))
    }
  }
  return {
    takesLines: true,
    write: async (bytes) => {
      writeSync(bytes)
      return bytes.length
    },
    writeSync: (bytes) => {
      for (const line of bytes.toString().split('\n')) if (line !== '') writeSync(Buffer.from(line))
    },
    close: () => socket?.close(),
  }
}

function parse(text: string): SinkMessage {
  const fields: Record<string, unknown> = JSON.parse(text)
  return { text, fields, severity: SEVERITIES[String(fields['level'])] ?? INFORMATIONAL }
}

/** Names of the journal have capitals, digits and underscores. */
function fieldName(name: string): string {
  return `CHANTER_${name.replace(/[^A-Za-z0-9]/g, '_').toUpperCase()}`
}

/** With the length before the value, since a value may have several lines. */
function journalField(name: string, value: unknown): Buffer {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')])
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code
}
