import * as z from 'zod'
import { formatRouteTarget, parseRouteTarget } from '../bgp/values/extended-community.ts'
import { formatEntry, parseEntry } from '../dataplane/kinds/index.ts'
import type { Entry } from '../dataplane/model.ts'
import { formatIp, parseIp } from '../values/address.ts'
import { formatMac, parseMac } from '../values/mac.ts'

/** Text in the file, `T` in memory. */
function word<T>(what: string, parse: (text: string) => T | undefined, format: (value: T) => string) {
  return z.codec(z.string(), z.custom<T>(), {
    decode(text, context): T {
      const value = parse(text)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: `not ${what}`, input: text })
      return z.NEVER
    },
    encode: format,
  })
}

const ip = word('an IP address', parseIp, formatIp)
const mac = word('a MAC address', parseMac, formatMac)
const targets = z.array(word('a route target', parseRouteTarget, formatRouteTarget))
const name = z.string().min(1)
const natural = z.int().min(0)

const attachment = z.object({
  mac,
  ip: ip.nullable(),
  prefixLength: natural.nullable(),
  port: name,
  /** Where its port leads into the bridge of an EVPN instance, in an IP VPN. */
  plug: z.object({ evpn: name, device: name }).nullable().default(null),
  direction: z.enum(['both', 'to-port', 'from-port']),
  localPref: natural.nullable(),
  label: natural,
  sticky: z.boolean().default(false),
  /** Of its subnet, in an IP VPN. */
  gatewayIp: ip.nullable().default(null),
  hashOrder: natural.default(0),
  advertiseSubnet: z.boolean().default(false),
  /** Where its route has a route distinguisher of its own. */
  rdNumber: natural.nullable().default(null),
  /** Where routes of others are re-advertised for it. */
  readvertiseRd: natural.nullable().default(null),
  /** Mobility of its MAC address (RFC 7432 §7.7). */
  sequence: natural,
  description: z.unknown(),
})

const anyInstance = {
  id: name,
  number: natural,
  rdNumber: natural,
  importTargets: targets,
  exportTargets: targets,
  gatewayIp: ip.nullable(),
  subnetPrefixLength: natural.nullable(),
  description: z.unknown(),
}

const evpnInstance = z.object({
  type: z.literal('evpn').default('evpn'),
  ...anyInstance,
  vni: natural,
  vniGiven: z.boolean(),
  suffix: name,
  devices: z.object({ bridge: name, givenBridge: z.boolean(), vxlan: name, givenVxlan: z.boolean() }),
})

/** Earlier daemons did not tell its table and device. */
const ipInstance = z.object({
  type: z.literal('ipvpn'),
  ...anyInstance,
  table: natural.optional(),
  device: name.optional(),
  readvertise: z.object({ from: targets.readonly(), to: targets.readonly() }).nullable().default(null),
  fallback: z.record(z.string(), z.unknown()).readonly().nullable().default(null),
})

const instance = z.union([evpnInstance, ipInstance])
const attachments = z.array(attachment)

/** An entry of the dataplane, as its kind has it told. */
const entry = z.codec(z.unknown(), z.custom<Entry>(), {
  decode(raw, context): Entry {
    const read = parseEntry(raw)
    if ('value' in read) return read.value
    const { field, expected } = read
    context.issues.push({ code: 'custom', message: `expected ${expected}`, path: [field], input: raw })
    return z.NEVER
  },
  encode: formatEntry,
})

const freedNumber = z.object({
  number: natural,
  /** What it was for. */
  use: z.string(),
  /** When it was freed, in epoch milliseconds. */
  at: natural,
})

const keptNumbers = z.object({
  /** The one to be tried next. */
  next: natural,
  /** Those that may not serve another use yet, the first freed first. */
  freed: z.array(freedNumber).readonly(),
})

const daemon = z.object({
  /** Which boot of which machine, and which of its networks, the kernel's part is in. */
  kernel: z.string(),
})

/** Ids of the XDP programs that isolate bridges. */
const programs = z.array(natural).readonly()

/** The whole state in one, as the versions before the journal had it. */
export const wholeState = daemon.extend({
  instances: z.array(z.union([evpnInstance.extend({ attachments }), ipInstance.extend({ attachments })])),
  programs: programs.optional(),
  /** What may be in the kernel of attachments that were under way, or on their way out. */
  footprint: z.array(entry),
  /** Earlier daemons began with the first ones again. */
  numbers: z.object({ labels: keptNumbers, vnis: keptNumbers, rds: keptNumbers }).optional(),
})

/** What the state consists of: each kind of entry has a key of its own, and changes by itself. */
export const kinds = {
  daemon,
  programs,
  /** By its id; without attachments. */
  instance,
  /** By MAC address, IP address and instance. */
  attachment: attachment.extend({ instance: name }),
  /** By a number of its own: a batch of the footprint. */
  pending: z.array(entry).readonly(),
  /** By the range: the number to be tried next. */
  next: natural,
  /** By range and number. */
  freed: freedNumber,
} as const

export type StateKind = keyof typeof kinds
export type Value<K extends StateKind> = z.output<(typeof kinds)[K]>
/** What is so of an entry of the state now; undefined where it is gone. */
export type StateChange = {
  [K in StateKind]: { readonly kind: K; readonly id: string; readonly value: Value<K> | undefined }
}[StateKind]

/** What a daemon needs of its predecessor to go on where that one ended. */
export type SavedState = z.output<typeof wholeState>
export type FreedNumber = z.output<typeof freedNumber>
/** Of a range of numbers: what a later process has to know beside those in use. */
export type KeptNumbers = z.output<typeof keptNumbers>
/** The ranges of which some are kept. */
export type NumberRange = keyof NonNullable<SavedState['numbers']>
export type AttachmentState = z.output<typeof attachment>
export type EvpnState = z.output<typeof evpnInstance> & { readonly attachments: AttachmentState[] }
export type IpState = z.output<typeof ipInstance> & { readonly attachments: AttachmentState[] }
export type InstanceState = EvpnState | IpState
/**
 * How long what is kept lasts: `written`, as long as the machine runs, whatever becomes of this process; `synced`, whatever becomes of
 * the machine. What tells of the kernel's state alone need not outlive that.
 */
export type Durability = 'written' | 'synced'

/** Resolves when all that has changed is kept, or when it turned out that it cannot be for now. */
export type Keep = (durability: Durability) => Promise<void>

/** Whether some of what is advertised follows from routes of others. */
export function readvertises({ instances }: Pick<SavedState, 'instances'>): boolean {
  return instances.some((one) => one.type === 'ipvpn' && one.readvertise !== null)
}
