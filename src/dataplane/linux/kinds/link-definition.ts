import type { Mac } from '../../../values/mac.ts'
import type { Link } from '../../driver.ts'
import type { LinkEntry, PortEntry } from '../../kinds/index.ts'
import type { Refusal } from '../../refusal.ts'
import type { RawLink } from '../decode.ts'
import type { Batch } from '../encode.ts'
import type { BridgeIsolation } from '../isolation.ts'
import type { Links } from '../links.ts'
import type { NetlinkAttributes, NetlinkWriter } from '../message.ts'
import type { Requests } from '../requests.ts'
import type { Rules } from '../rules.ts'
import type { Setting, Sysctls } from '../sysctl.ts'

/** The tools for changing links and ports. */
export interface DeviceTools {
  readonly requests: Requests
  readonly links: Links
  readonly sysctls: Sysctls
  readonly isolation: BridgeIsolation
  readonly rules: Rules
}

/** A link while its message is read. */
export type LinkBeingRead = { -readonly [P in keyof RawLink]: RawLink[P] }

/** How links of one kind are made in Linux; what all kinds share is in `change-device.ts`. */
export interface LinuxLinkDefinition<E extends LinkEntry> {
  readonly kind: E['kind']
  /** Each of the kernel's link kinds for it, and the module that has it where not every kernel does. */
  readonly kernelKinds: ReadonlyMap<string, string | null>
  /** Whether it receives frames of VMs, and needs no address for itself. */
  readonly isInNetwork?: boolean
  /** The hardware address from its creation. */
  macOf?(entry: E): Mac
  /** Writes its options that cannot be changed, and its initial ones. `zeroChecksums`: it takes packets with UDP checksum 0. */
  writeTraits?(writer: NetlinkWriter, entry: E, zeroChecksums: boolean): void
  /** Writes its options that can be changed; absent where the kernel would reset omitted ones. */
  writeOptions?(writer: NetlinkWriter, entry: E): void
  /** Reads the options. */
  read?(data: NetlinkAttributes, link: LinkBeingRead): void
  /** Makes room for a new one; returns why it cannot be created, if so. */
  prepare?(entry: E, tools: DeviceTools): Refusal | null
  /** Whether a new one takes packets with UDP checksum 0; without it: yes. */
  takesZeroChecksums?(entry: E, links: Links): boolean
  /** Writes the messages that it needs besides; `link` is the present one, undefined where it is created. */
  adjust?(batch: Batch, entry: E, link: Link | undefined, links: Pick<Links, 'all'>): void
  /** Applies what is no option of the link; returns why that failed, if it did. */
  tune?(entry: E, link: Link, tools: DeviceTools): Refusal | null
  /** Uses an external one, of an entry that may be external. */
  adopt?(link: Link, tools: DeviceTools): void
  /** Lets go of an external one. */
  leave?(link: Link, isolation: BridgeIsolation): void
  /** Whether one that could not be set up for that errno has to be created anew. */
  isSpoilt?(link: Link, errno: number | null, links: Links): boolean
  /** The node settings that an owned one needs. */
  settingsOf?(device: string): readonly Setting[]
  /** The remedy where it cannot be created, for some errno, as the end of a sentence. */
  remedy?(entry: E, errno: number | null): string
}

/** How devices are enslaved in Linux. */
export interface LinuxPortDefinition<E extends PortEntry> {
  readonly kind: E['kind']
  /** Returns why it was refused, if it was. */
  set(entry: E, tools: DeviceTools): Refusal | null
  /** `enslaved`: index of the interface that was the port, if known. Another program may have taken it out since. */
  remove(entry: E, tools: DeviceTools, enslaved: number | null): Refusal | null
  /** The node settings that it needs besides those of its link. */
  settingsOf?(link: Link): readonly Setting[]
}
