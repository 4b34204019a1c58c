import type { Ip } from '../../values/address.ts'
import type { Entry } from '../model.ts'

/**
 * Entries as a message carries them, in their order. Remote MACs and neighbours, which come by the hundred thousand, are numbers, and texts by their places:
 * to send them as objects costs more than twice as much, and each would bring texts of its own.
 */
export interface PackedEntries {
  /** Of each entry, which kind it is. */
  readonly kinds: Uint8Array
  /** Of a remote MAC: device, MAC, VTEP, VNI; of a neighbour: device, IP address, MAC, whether it is a router. */
  readonly numbers: Float64Array
  readonly texts: readonly string[]
  /** Of other kinds. */
  readonly others: readonly Entry[]
}

const OTHER = 0
const REMOTE_MAC = 1
const NEIGHBOUR = 2
/** Numbers of an entry at most. */
const NUMBERS = 4

export function pack(entries: readonly Entry[]): PackedEntries {
  const kinds = new Uint8Array(entries.length)
  const numbers = new Float64Array(entries.length * NUMBERS)
  const texts: string[] = []
  const places = new Map<string, number>()
  const others: Entry[] = []
  const place = (text: string): number => {
    const known = places.get(text)
    if (known !== undefined) return known
    places.set(text, texts.length)
    return texts.push(text) - 1
  }
  let at = 0
  for (const [i, entry] of entries.entries()) {
    if (entry.kind === 'remote-mac') {
      kinds[i] = REMOTE_MAC
      numbers[at++] = place(entry.device)
      numbers[at++] = entry.mac
      numbers[at++] = place(entry.dst)
      numbers[at++] = entry.vni
    } else if (entry.kind === 'neighbour') {
      kinds[i] = NEIGHBOUR
      numbers[at++] = place(entry.device)
      numbers[at++] = texts.push(entry.ip) - 1
      numbers[at++] = entry.mac
      numbers[at++] = Number(entry.router)
    } else others.push(entry)
  }
  return { kinds, numbers: numbers.slice(0, at), texts, others }
}

export function* unpack({ kinds, numbers, texts, others }: PackedEntries): Generator<Entry, void> {
  let at = 0
  let other = 0
  const number = () => numbers[at++]!
  const text = () => texts[number()]!
  for (const kind of kinds) {
    if (kind === OTHER) yield others[other++]!
    else if (kind === REMOTE_MAC)
      yield { kind: 'remote-mac', device: text(), mac: number(), dst: text() as Ip, vni: number() }
    else yield { kind: 'neighbour', device: text(), ip: text() as Ip, mac: number(), router: number() === 1 }
  }
}
