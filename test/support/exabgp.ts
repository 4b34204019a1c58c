import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { MessageType } from '../../src/bgp/constants.ts'
import { afiOf, safiOf } from '../../src/bgp/family.ts'
import { formatNotification } from '../../src/bgp/message/notification.ts'
import { decodeOpen } from '../../src/bgp/message/open.ts'
import { decodeUpdate, type Update } from '../../src/bgp/message/update.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { formatIp, type Ip, ipv4FromNumber } from '../../src/values/address.ts'
import { messageOf, type Vector } from './vectors.ts'

/** The answer of exabgp to one request, see exabgp.py. */
interface Answer {
  readonly error?: string
  readonly hex?: string
  readonly endOfRib?: readonly [number, number]
  readonly nlri?: readonly {
    readonly hex: string
    readonly advertised: boolean
    readonly nextHop: string
  }[]
  readonly attributes?: Readonly<Record<string, string>>
  readonly version?: number
  readonly as?: number
  readonly holdTime?: number
  readonly identifier?: string
  readonly capabilities?: readonly (readonly [number, string])[]
  readonly code?: number
  readonly text?: string
}

/** Debian's: other Pythons of the machine do not see its packages. */
const PYTHON = '/usr/bin/python3'

function ask(requests: readonly unknown[]): Answer[] {
  const script = fileURLToPath(new URL('exabgp.py', import.meta.url))
  const input = requests.map((request) => JSON.stringify(request)).join('\n')
  const output = execFileSync(PYTHON, [script], { input, encoding: 'utf8', maxBuffer: 1 << 26 })
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer)
}

/** The octets of what exabgp makes of an expression. */
export function made(expressions: readonly string[]): (string | undefined)[] {
  return ask(expressions.map((make) => ({ make }))).map(({ hex }) => hex)
}

/** Where exabgp reads a vector otherwise than we do; undefined where it agrees. */
export function disagreements(vectors: readonly Vector[]): (string | undefined)[] {
  const requests = vectors.map((vector) => ({
    message: messageOf(vector).toString('hex'),
    asn4: vector.context.fourOctetAs,
    addpath: [...vector.context.addPathReceive].map((family) => [afiOf(family), safiOf(family)]),
  }))
  return ask(requests).map((answer, i) => disagreement(vectors[i]!, answer))
}

function disagreement(vector: Vector, answer: Answer): string | undefined {
  if (answer.error !== undefined) return answer.error
  const message = messageOf(vector)
  switch (message[18]) {
    case MessageType.Open:
      return ofOpen(message, answer)
    case MessageType.Update:
      return ofUpdate(vector, decodeUpdate(message, vector.context), answer)
    case MessageType.Notification: {
      const known = answer.code === message[19] && !/unknow/.test(answer.text ?? 'unknown')
      return known
        ? undefined
        : `${answer.text}, not ${formatNotification({ code: message[19]!, subcode: message[20]!, data: message.subarray(21) })}`
    }
    default:
      return differ('octets', message.toString('hex'), answer.hex)
  }
}

function ofOpen(message: Buffer, answer: Answer): string | undefined {
  const open = decodeOpen(message)
  const identifier = formatIp(ipv4FromNumber(open.identifier))
  return (
    differ('version', open.version, answer.version) ??
    differ('AS', message.readUInt16BE(20), answer.as) ??
    differ('hold time', open.holdTimeSeconds, answer.holdTime) ??
    differ('identifier', identifier, answer.identifier) ??
    differ(
      'capabilities',
      capabilitiesOf(message).sort().join(' '),
      answer.capabilities
        ?.map(([code, value]) => `${code}:${value}`)
        .sort()
        .join(' '),
    )
  )
}

/** Each capability of an OPEN with ordinary lengths, as `code:value`. */
function capabilitiesOf(message: Buffer): string[] {
  const found: string[] = []
  for (let parameter = 29; parameter < message.length; ) {
    const end = parameter + 2 + message[parameter + 1]!
    for (let at = parameter + 2; at < end; at += 2 + message[at + 1]!)
      found.push(`${message[at]}:${message.toString('hex', at + 2, at + 2 + message[at + 1]!)}`)
    parameter = end
  }
  return found
}

function ofUpdate(vector: Vector, update: Update, answer: Answer): string | undefined {
  if (answer.endOfRib !== undefined) {
    const [afi, safi] = answer.endOfRib
    return differ('End-of-RIB', update.endOfRib, (afi << 8) | safi)
  }
  const expected = [...update.unreach, ...update.reach].flatMap((list) => {
    const codec = nlriCodec(list.family)!
    return list.nlri.map((nlri) => {
      const w = new Writer()
      codec.encode(w, nlri)
      const advertised = 'nextHop' in list
      const nextHop = advertised && list.nextHop !== null ? formatIp(list.nextHop as Ip) : ''
      return `${advertised} ${w.copy().toString('hex')} ${nextHop.replace('::ffff:a00:1', '10.0.0.1')}`
    })
  })
  const theirs = (answer.nlri ?? []).map(({ advertised, hex, nextHop }) => {
    const via = advertised && nextHop !== 'no-nexthop' ? nextHop.replace('::ffff:10.0.0.1', '10.0.0.1') : ''
    return `${advertised} ${hex} ${via}`
  })
  const routes = differ('routes', expected.sort().join('; '), theirs.sort().join('; '))
  if (routes !== undefined) return routes
  const ours = formatAttributes(update.attributes)
  let common = expected.length
  for (const [name, text] of Object.entries(ours)) {
    const value = answer.attributes?.[name]
    if (value === undefined) continue
    common++
    const wrong = differ(name, words(text), words(value))
    if (wrong !== undefined) return wrong
  }
  if (vector.kind === 'attribute' && common === 0) return 'it does not know the attribute'
  return common === 0 ? 'it shows nothing' : undefined
}

/** The words of an attribute, without the order and the brackets that exabgp has otherwise. */
function words(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[{}()[\]]/g, ' ')
    .replace(/(\d)l:/g, '$1:')
    .replace('mac-mobility', 'mobility')
  return plain
    .split(' ')
    .filter((word) => word !== '')
    .sort()
    .join(' ')
}

function differ(what: string, ours: unknown, theirs: unknown): string | undefined {
  return ours === theirs ? undefined : `${what}: ${String(ours)}, not ${String(theirs)}`
}
