import { constants } from 'node:os'
import { errnoName } from '../linux/libc.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { shellWord } from '../values/shell-word.ts'
import { ALIAS_PREFIX, type Errno, type Interface, type RefusalCode } from './model.ts'

const { EADDRINUSE, EEXIST, ENETDOWN, EOPNOTSUPP } = constants.errno

/** Why an entry was refused. */
export interface Refusal {
  readonly code: RefusalCode
  /** For people: what is wrong, or the errno's name and the kernel's own words. */
  readonly text: string
  /** The kernel's errno; null where it was not asked, or did not answer. */
  readonly errno: number | null
}

export function isRefusal(result: object): result is Refusal {
  return 'code' in result
}

/** Thrown where a refusal cannot be returned. */
export class RefusalError extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.text)
    this.refusal = refusal
  }
}

/** Refused entries, by their position in the batch. */
export type Refused = ReadonlyMap<number, Refusal>

export const NONE_REFUSED: Refused = new Map()

/** A refusal of everything in a batch. */
export function allRefused(count: number, refusal: Refusal): Refused {
  return new Map(Array.from({ length: count }, (_, i) => [i, refusal]))
}

/** Errnos that say more than that the kernel refused something. */
const ERRNO_CODES: ReadonlyMap<number, RefusalCode> = new Map([
  [EOPNOTSUPP, 'KERNEL_UNSUPPORTED'],
  [EEXIST, 'KERNEL_EXISTS'],
  [EADDRINUSE, 'KERNEL_ADDRESS_IN_USE'],
  [ENETDOWN, 'INTERFACE_DOWN'],
] as const)

/** What the kernel says by an errno without a sentence of its own. */
const SENTENCES: ReadonlyMap<number, string> = new Map([[ENETDOWN, 'it is down, or the interface below it']])

/** `EEXIST: A VXLAN device with the specified VNI already exists`; without a sentence, the errno alone. */
export function kernelRefusal(errno: number, sentence = SENTENCES.get(errno) ?? ''): Refusal {
  const name = errnoName(errno)
  const text = sentence === '' ? name : `${name}: ${sentence}`
  return { code: ERRNO_CODES.get(errno) ?? 'KERNEL_REFUSED', text, errno }
}

/** The errno of a refusal with its name. */
export function errnoOf({ errno }: Refusal): Errno | null {
  return errno === null ? null : { name: errnoName(errno), number: errno }
}

/** A refusal with another message. */
export function reworded(refusal: Refusal, reword: (text: string) => string): Refusal {
  return { ...refusal, text: reword(refusal.text) }
}

/** A refusal because an interface has no IPv6, for which the kernel says `EACCES`. */
export function withoutIpv6(refusal: Refusal, device: string): Refusal {
  return reworded(refusal, () => `IPv6 is disabled on ${device}`)
}

/** The refusal of one of several hops. */
export function partly(refusal: Refusal): Refusal {
  return reworded(refusal, (text) => `${text}; the other hops carry its flows`)
}

/** A refusal by chanter, not by the kernel. */
function own(code: RefusalCode, text: string): Refusal {
  return { code, text, errno: null }
}

export const ipv6Disabled = own('IPV6_DISABLED', 'IPv6 is disabled on the interface')
export const noMpls = own('NO_MPLS', 'the kernel has no MPLS: modprobe mpls_router')
export const noFou = own('NO_FOU', 'the kernel has no FOU: modprobe fou')
export const answerLost = own('ANSWER_LOST', "the kernel's answer was lost")

/** The refusal of everything in a request to a driver whose answer was lost. */
export function driverLost(error: unknown): Refusal {
  const reason = error instanceof Error ? error.message : String(error)
  return own('ANSWER_LOST', `the driver's answer was lost, and is asked for again: ${reason}`)
}

/** Whether it is unknown if a request was carried out. */
export function isLost({ code }: Pick<Refusal, 'code'>): boolean {
  return code === 'ANSWER_LOST'
}

export function missing(device: string): Refusal {
  return own('INTERFACE_MISSING', `interface ${device} does not exist`)
}

export function taken(device: string): Refusal {
  return own('INTERFACE_EXISTS', `interface ${device} exists already`)
}

export function notOwned({ name, alias }: Pick<Interface, 'name' | 'alias'>): Refusal {
  const has = alias === null ? 'it has no alias' : `its alias is "${alias}"`
  return own(
    'INTERFACE_EXTERNAL',
    `interface ${name} exists and is not owned by chanter: ${has}, not "${ALIAS_PREFIX}..."`,
  )
}

export function elsewhere(device: string, master: string): Refusal {
  return own('INTERFACE_ENSLAVED', `interface ${device} is in ${master} already`)
}

/** The refusal of a port whose frames go elsewhere, to `receivers` where those are known. */
export function busy(device: string, receivers: readonly string[], refused: Refusal): Refusal {
  const [first] = receivers
  const reason =
    first === undefined
      ? `another program receives the frames of ${device}`
      : `${receivers.join(', ')} ${receivers.length > 1 ? 'receive' : 'receives'} the frames of ${device}: attach ${first} instead, or delete it (ip link delete ${shellWord(first)})`
  return { ...reworded(refused, (text) => `${text}: ${reason}`), code: 'INTERFACE_BUSY' }
}

export function unbridged(device: string): Refusal {
  return own('NO_BRIDGE_PORT', `interface ${device} is in no bridge`)
}

export function unrouted(device: string): Refusal {
  return own('NO_VRF', `interface ${device} is no VRF`)
}

export function shared(bridge: string, ports: readonly string[]): Refusal {
  return own('BRIDGE_IN_USE', `bridge ${bridge} has other ports: ${ports.join(', ')}`)
}

/** Refusals of a MAC that should be behind a port of a bridge. */
export function ownAddress(mac: Mac, device: string): Refusal {
  const text = `the bridge takes frames for ${formatMac(mac)} for the host: it is ${device}'s own address`
  return own('MAC_OF_HOST', text)
}

/** The refusal of a setting below /proc/sys; `reason` is the system's message. */
export function settingRefused(path: string, actual: number, value: number, reason: string): Refusal {
  return own('SETTING_REFUSED', `${path} is ${actual} and cannot be set to ${value}: ${reason}`)
}

/** The refusal of a device whose entries cannot be read. */
export function unreadable(error: unknown): Refusal {
  if (error instanceof RefusalError) return { ...error.refusal, code: 'UNREADABLE' }
  return own('UNREADABLE', error instanceof Error ? error.message : String(error))
}
