import * as z from 'zod'
import { DIRECTIONS } from '../api/attachment.ts'
import { formatRouteTarget, parseRouteTarget } from '../bgp/values/extended-community.ts'
import { formatEntry, parseEntry } from '../dataplane/kinds/index.ts'
import type { Entry } from '../dataplane/model.ts'
import type { Irb } from '../ipvpn/irb.ts'
import { formatIp, parseIp } from '../values/address.ts'
import { formatMac, parseMac } from '../values/mac.ts'
import type { Attachment } from './attachments.ts'

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

/** An attachment as it is in the file. */
const storedAttachment = z.object({
  mac,
  ip: ip.nullable(),
  prefixLength: natural.nullable(),
  port: name,
  /** The EVPN instance that its port leads into by an IRB, in an IP VPN. */
  plug: z.object({ evpn: name, device: name }).nullable().default(null),
  direction: z.enum(DIRECTIONS),
  confined: z.boolean().default(false),
  localPref: natural.nullable(),
  label: natural,
  sticky: z.boolean().default(false),
  /** Of its subnet, in an IP VPN. */
  gatewayIp: ip.nullable().default(null),
  hashOrder: natural.default(0),
  advertiseSubnet: z.boolean().default(false),
  /** Where its route has a route distinguisher of its own. */
  rdNumber: natural.nullable().default(null),
  /** For re-advertised routes. */
  readvertiseRd: natural.nullable().default(null),
  sequence: natural,
  description: z.unknown(),
})

/** The file has the IRB of an attachment under the key `plug`, which earlier versions read and write. */
function inMemory<T extends z.output<typeof storedAttachment>>(stored: z.ZodType<T>) {
  return z.codec(stored, z.custom<Omit<T, 'plug'> & { readonly irb: Irb | null }>(), {
    decode: ({ plug, ...rest }) => ({ ...rest, irb: plug }),
    encode: ({ irb, ...rest }) => ({ ...rest, plug: irb }) as unknown as T,
  })
}

const attachment = inMemory(storedAttachment)

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

/** In the file, external devices are `given` ones. */
const devices = z.codec(
  z.object({ bridge: name, givenBridge: z.boolean(), vxlan: name, givenVxlan: z.boolean() }),
  z.object({
    bridge: name,
    /** The agent named the bridge: it may be external, and another program may have put the local ports into it. */
    externalBridge: z.boolean(),
    vxlan: name,
    /** The VXLAN device was found in the agent's bridge: it is external. */
    externalVxlan: z.boolean(),
  }),
  {
    decode: ({ givenBridge, givenVxlan, ...names }) => ({
      ...names,
      externalBridge: givenBridge,
      externalVxlan: givenVxlan,
    }),
    encode: ({ externalBridge, externalVxlan, ...names }) => ({
      ...names,
      givenBridge: externalBridge,
      givenVxlan: externalVxlan,
    }),
  },
)

const evpnInstance = z.object({
  type: z.literal('evpn').default('evpn'),
  ...anyInstance,
  vni: natural,
  vniGiven: z.boolean(),
  suffix: name,
  devices,
})

/** Earlier versions did not write its table and device. */
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

/** An entry of the dataplane in its kind's JSON form, but with `given` for `external`. */
const entry = z.codec(z.looseObject({ given: z.unknown().optional() }), z.custom<Entry>(), {
  decode({ given, ...raw }, context): Entry {
    const read = parseEntry(given === undefined ? raw : { ...raw, external: given })
    if ('value' in read) return read.value
    const { field, expected } = read
    context.issues.push({ code: 'custom', message: `expected ${expected}`, path: [field], input: raw })
    return z.NEVER
  },
  encode(one) {
    const { external, ...raw }: Readonly<Record<string, unknown>> = formatEntry(one)
    return external === undefined ? raw : { ...raw, given: external }
  },
})

const freedNumber = z.object({
  number: natural,
  /** The former use of the number. */
  use: z.string(),
  /** When it was freed, in epoch milliseconds. */
  at: natural,
})

const keptNumbers = z.object({
  /** The number to try next. */
  next: natural,
  /** Freed numbers that may not be used yet, the earliest freed first. */
  freed: z.array(freedNumber).readonly(),
})

const daemon = z.object({
  /** The boot, machine and network namespace that the kernel part belongs to. */
  kernel: z.string(),
})

/** Ids of the XDP programs that isolate bridges. */
const programs = z.array(natural).readonly()

const storedState = daemon.extend({
  instances: z.array(z.union([evpnInstance.extend({ attachments }), ipInstance.extend({ attachments })])),
  programs: programs.optional(),
  footprint: z.array(entry),
  /** Earlier versions started again with the first numbers. */
  numbers: z.object({ labels: keptNumbers, vnis: keptNumbers, rds: keptNumbers }).optional(),
})

type StoredState = z.output<typeof storedState>

/** What a process needs of the earlier one to continue. */
export interface SavedState extends Omit<StoredState, 'footprint'> {
  /** Entries that may be in the kernel for attachments that were being added or removed. */
  readonly pending: Entry[]
}

/** The whole state in one object, as in versions before the journal, which have the pending entries under the key `footprint`. */
export const wholeState = z.codec(storedState, z.custom<SavedState>(), {
  decode: ({ footprint, ...rest }) => ({ ...rest, pending: footprint }),
  encode: ({ pending, ...rest }) => ({ ...rest, footprint: pending }),
})

/** The parts of the state: each kind of entry has a key of its own, and changes separately. */
export const kinds = {
  daemon,
  programs,
  /** By instance id; without attachments. */
  instance,
  /** By MAC address, IP address and instance. */
  attachment: inMemory(storedAttachment.extend({ instance: name })),
  /** By a number of its own: a batch of pending operations. */
  pending: z.array(entry).readonly(),
  /** By range: the number to try next. */
  next: natural,
  /** By range and number. */
  freed: freedNumber,
} as const

export type StateKind = keyof typeof kinds
export type Value<K extends StateKind> = z.output<(typeof kinds)[K]>
/** The present value of an entry of the state; undefined where it is gone. */
export type StateChange = {
  [K in StateKind]: { readonly kind: K; readonly id: string; readonly value: Value<K> | undefined }
}[StateKind]

export type FreedNumber = z.output<typeof freedNumber>
/** Of a range of numbers: what a later process has to know beside those in use. */
export type KeptNumbers = z.output<typeof keptNumbers>
/** The stored ranges. */
export type NumberRange = keyof NonNullable<SavedState['numbers']>
/** An attachment as a later process needs it. */
export interface AttachmentState extends Attachment {
  /** Mobility of its MAC address (RFC 7432 §7.7). */
  readonly sequence: number
}
export type EvpnState = z.output<typeof evpnInstance> & { readonly attachments: AttachmentState[] }
export type IpState = z.output<typeof ipInstance> & { readonly attachments: AttachmentState[] }
export type InstanceState = EvpnState | IpState
/**
 * Durability: `written` survives the end of this process, `synced` also that of the machine. A description of the kernel's state
 * need not survive the machine.
 */
export type Durability = 'written' | 'synced'

/** Resolves when all changes are stored, or could not be stored for now. */
export type Keep = (durability: Durability) => Promise<void>

/** Whether some advertised routes are re-advertised ones. */
export function readvertises({ instances }: Pick<SavedState, 'instances'>): boolean {
  return instances.some((one) => one.type === 'ipvpn' && one.readvertise !== null)
}
