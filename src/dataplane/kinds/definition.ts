import type { Ip } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import type { Mac } from '../../values/mac.ts'
import type { Link } from '../driver.ts'
import type { Refusal } from '../refusal.ts'
import type { Fields } from './field.ts'
import type { Packing } from './packing.ts'

/** The fields of all entries. */
export interface Shape {
  readonly kind: string
  /** The interface that it is or belongs to. */
  readonly device: string
}

/** A kind of entry as data. The folder's `index.ts` lists them all. */
export interface Definition<E extends Shape> {
  readonly kind: E['kind']
  /** The type of VPN whose instances want it. */
  readonly vpn: 'evpn' | 'ipvpn'
  /** How its fields are written in JSON, by the API and in the state file. */
  readonly fields: Fields<E>
  /** The subject of the entry, for people and as a key: two entries of one identity replace each other. */
  identity(entry: E): string
  /** How entries are packed for another thread, for kinds with many of them. */
  readonly packing?: Packing<E>
}

/** Entries that are an owned link each; a device is one link. */
export interface LinkDefinition<E extends Shape> extends Definition<E> {
  readonly role: 'link'
  /** The kernel's link kind. */
  kernelKind(entry: E): string
  /** Whether a link of that kernel kind is as wanted in the options that cannot be changed. */
  isSuch(entry: E, actual: Link): boolean
  /** Whether it is as wanted in the options that can be changed, except MTU and alias. */
  fits?(entry: E, actual: Link): boolean
  /** The properties of its interface that the entry determines, besides kind, alias and MTU. */
  traits?(entry: E): Partial<Link>
  /** The interface that is created and deleted with it, its other end. */
  otherEnd?(entry: E): string
  /** Whether it is a bridge: to be isolated from the host, watched for storms, and slow to delete. */
  readonly isBridge?: boolean
  /** The source address of what a device sends to its VTEPs, or to its provider edge. */
  localOf?(entry: E): Ip
  /** The provider edge at the other end of a device; null where there are any number. */
  remoteOf?(entry: E): Ip | null
  /** Whether the kernel has no room for both. */
  excludes?(entry: E, other: E): boolean
  /** The MTU of one that leaves it to an underlay with that MTU, undefined where that is unknown; null where the kernel chooses it. */
  mtuOver?(entry: E, underlayMtu: number | undefined): number | null
  /** The largest MTU with which its packets fit an underlay with that MTU, where larger ones are reported. */
  roomOver?(entry: E, underlayMtu: number): number
}

/** Entries that put a device under a master; a device has one. */
export interface PortDefinition<E extends Shape> extends Definition<E> {
  readonly role: 'port'
  /** The device that it is enslaved to. */
  masterOf(entry: E): string
  /** The kernel's link kind of its master. */
  readonly masterKind: string
  /** Why a device of another kind is refused as its master, in other words than the kernel's. */
  notMaster?(master: string): Refusal
  /** The properties of an interface that the entry determines, besides its master. */
  traits(entry: E): Partial<Link>
  /** Whether a device with that master is set up as wanted. */
  fits(entry: E, actual: Link): boolean
  /** The entry that a device is in the kernel; null where it is none of the kind. */
  observed(actual: Link & { readonly master: string }): E | null
  /** Whether the device may have learned MACs that are wanted elsewhere, which is not notified. */
  hasLearned?(entry: E, actual: Link): boolean
  /** Whether a device that has just been enslaved holds no owned entries. */
  isEmptied?(actual: Link): boolean
}

/** Entries of which a device holds many. */
export interface TableDefinition<E extends Shape, K extends Key, V> extends Definition<E> {
  readonly role: 'table'
  /** How one table keeps them. */
  layout(): Layout<E, K, V>
  /** Whether one without our mark is external, though it equals the wanted one. */
  readonly isMarked: boolean
  /** Whether it is a MAC that a bridge has behind the device: a bridge has it behind one port. */
  readonly isBridged?: boolean
  /** Whether they are removed together with their device's link. */
  readonly goesWithLink?: boolean
  /** Whether they are lost without a notification when their device goes down. */
  readonly isLostSilently?: boolean
  /** Whether settings of the node that it needs may change. */
  readonly needsSettings?: boolean
  /** Where an entry of a device makes it send frames; null where that is unknown. An entry of another program is reported. */
  sendsTo?(entry: E): FrameDestination | null
  /** The VTEP of an entry, where a table has one for each VTEP of its device, and few others. */
  vtepOf?(entry: E): Ip
  /** What a bridge answers ARP and ND with by it; null for one that answers nothing. In an owned bridge, an entry of another program is reported. */
  answers?(entry: E): { readonly ip: Ip; readonly mac: Mac } | null
  /** The entry as it differs from the wanted one while the list that all entries of the device make up lacks our mark. */
  unmarked?(entry: E): E
}

/** Where frames for a MAC address are sent: to a VTEP, or to those of a nexthop group. */
export interface FrameDestination {
  readonly mac: Mac
  readonly to: { readonly vtep: Ip } | { readonly nhid: number }
}

/** How entries of one kind are kept in little memory: a key that is unique on a device, and the rest as a value. */
export interface Layout<E extends Shape, K extends Key, V> {
  key(entry: E): K
  /** Never undefined. */
  value(entry: E): V
  entry(device: string, key: K, value: V): E
  same(a: V, b: V): boolean
  /** The other interfaces that it needs, and with which it is removed. */
  uses?(value: V): readonly { readonly device: string }[]
}
