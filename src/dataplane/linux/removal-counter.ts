import { ArrayMap } from '../../linux/bpf/array-map.ts'
import {
  add,
  addAtomically,
  addRegister,
  and,
  assemble,
  call,
  copy,
  exit,
  FP,
  ifAnyBit32,
  ifDifferent,
  ifEqual,
  ifNotEqual,
  type Line,
  label,
  loadMap,
  loadU8,
  loadU16,
  loadU32,
  loadU64,
  move,
  SKB_LOAD_BYTES,
  shiftLeft,
  storeU32,
} from '../../linux/bpf/assembler.ts'
import { BPF_PROG_TYPE_SOCKET_FILTER, loadProgram, type Program } from '../../linux/bpf/program.ts'
import { close } from '../../linux/libc.ts'
import type { Refused } from '../refusal.ts'
import * as k from './constants.ts'
import { type Instruction, translated } from './filter.ts'
import type { Links } from './links.ts'
import type { NetlinkWriter } from './message.ts'
import {
  NO_BARE_ENTRIES,
  NO_LEARNED_ENTRIES,
  NO_MAIN_ROUTES,
  NO_MARKED_ENTRIES,
  noneOf,
} from './notification-filter.ts'

const MAP_LOOKUP_ELEM = 1
/** An interface has the slot of the low octet of its index. */
const SLOTS = 256
/** In the map, each slot has the index of the muted interface, and how many removals were dropped. Behind all slots: whether sets are dropped. */
const SETS = 2 * SLOTS
const DROPPED = 1
/** On the stack: the message up to the end of its `struct ndmsg`, the index of the interface in it, and a key of the map. */
const MESSAGE = -32
const MESSAGE_BYTES = k.NLMSG_HDRLEN + k.NDMSG_LENGTH
const INDEX = MESSAGE + k.NLMSG_HDRLEN + 4
const KEY = -36
/** And the length and type of an attribute. */
const ATTRIBUTE = -40
/** Attributes of a bridge's entry up to its VLAN, at most: address, bridge, protocol, flags, age, VLAN. */
const ATTRIBUTES = 6

interface Slot {
  /** The interface that is or was muted last. */
  readonly index: number
  isMuted: boolean
  /** How many dropped notifications are the echo of requests of this process, since the slot is used. */
  own: number
  /** How many others were dropped, when that was last asked. */
  others: number
}

export interface RemovalCounterDependencies {
  readonly links: Pick<Links, 'nameOf' | 'lookUp' | 'isBridge'>
  /** The port of neighbour changes. */
  readonly port: number
}

/**
 * A filter in eBPF that drops what the classic one drops, and counts the removals among it by interface. The kernel notifies within the
 * request, so what is dropped beyond the echo of accepted requests is by other programs.
 */
export class RemovalCounter {
  /** To be attached to the socket of the notifications. */
  readonly fd: number
  private readonly map: ArrayMap
  private readonly links: RemovalCounterDependencies['links']
  private readonly slots = new Map<number, Slot>()
  private muted: readonly number[] = []

  private constructor(map: ArrayMap, { fd }: Program, links: RemovalCounterDependencies['links']) {
    this.map = map
    this.fd = fd
    this.links = links
  }

  /** Null where the kernel permits no such program. */
  static create({ links, port }: RemovalCounterDependencies): RemovalCounter | null {
    const map = ArrayMap.create('chanter_removed', SETS + 1)
    if (typeof map === 'number') return null
    const instructions = assemble(counting(map.fd, port))
    const program = loadProgram({ type: BPF_PROG_TYPE_SOCKET_FILTER, name: 'chanter_removed', instructions })
    if (typeof program !== 'number') return new RemovalCounter(map, program, links)
    map.close()
    return null
  }

  /** Drops notifications of sets, and of removals from these interfaces; of two in one slot the first is muted. */
  mute(sets: boolean, indexes: readonly number[]): void {
    this.map.set(SETS, Number(sets))
    for (const index of this.muted) if (!indexes.includes(index)) this.set(index, false)
    for (const index of indexes) if (this.slots.get(slotOf(index))?.isMuted !== true) this.set(index, true)
    this.muted = indexes.filter((index) => this.slots.get(slotOf(index))?.index === index)
  }

  /** Records the removals among requests that the kernel has carried out. */
  note({ bytes, length }: NetlinkWriter, refused: Refused): void {
    if (this.muted.length === 0) return
    let slot: Slot | undefined
    let isPort = false
    for (let at = 0, i = 0; at < length; at += bytes.readUInt32LE(at), i++) {
      if (bytes.readUInt16LE(at + 4) !== k.RTM_DELNEIGH || refused.has(i)) continue
      const index = bytes.readUInt32LE(at + k.NLMSG_HDRLEN + 4)
      if (slot?.index !== index) {
        slot = this.slots.get(slotOf(index))
        if (slot?.index !== index) continue
        isPort = this.isBridgePort(index)
      }
      if (slot.isMuted) slot.own += echoOf(bytes, at + k.NLMSG_HDRLEN, isPort)
    }
  }

  /** Whether removals by other programs were dropped, since the last question or before it was first muted. */
  missed(index: number): boolean {
    const slot = this.slots.get(slotOf(index))
    if (slot?.index !== index) return true
    const others = this.map.get(2 * slotOf(index) + DROPPED) - slot.own
    const isMissed = others !== slot.others
    slot.others = others
    return isMissed
  }

  close(): void {
    close(this.fd)
    this.map.close()
  }

  private set(index: number, isMuted: boolean): void {
    const { own, others } = this.slots.get(slotOf(index)) ?? { own: 0, others: 0 }
    this.slots.set(slotOf(index), { index, isMuted, own, others })
    this.map.set(2 * slotOf(index), isMuted ? index : 0)
  }

  private isBridgePort(index: number): boolean {
    const { links } = this
    const master = links.lookUp(links.nameOf(index) ?? '')?.master
    return master != null && links.isBridge(master)
  }
}

function slotOf(index: number): number {
  return index % SLOTS
}

/** How many notifications a removal from a device has: one for each entry that it names. */
function echoOf(bytes: Buffer, ndmsg: number, isPort: boolean): number {
  const flags = bytes.readUInt8(ndmsg + 10)
  if (bytes.readUInt8(ndmsg) !== k.AF_BRIDGE) return (flags & k.NTF_PROXY) === 0 ? 1 : 0
  const self = (flags & k.NTF_SELF) === 0 ? 0 : 1
  return (flags & k.NTF_MASTER) !== 0 && isPort ? self + 1 : self
}

/** Register 0 gets the address of the value of the key in register 7. */
function lookUp(map: number): Line[] {
  return [
    storeU32(FP, KEY, 7),
    ...loadMap(1, map),
    copy(2, FP),
    add(2, KEY),
    call(MAP_LOOKUP_ELEM),
    ifEqual(0, 0, 'rest'),
  ]
}

/**
 * A bridge has an entry once more for each VLAN of its port, and removes all of them at one request: these are never read, and not counted. The
 * message is in register 6.
 */
function dropOfVlan(): Line[] {
  const lines: Line[] = [move(8, MESSAGE_BYTES)]
  for (let i = 0; i < ATTRIBUTES; i++) {
    lines.push(
      copy(1, 6),
      copy(2, 8),
      copy(3, FP),
      add(3, ATTRIBUTE),
      move(4, 4),
      call(SKB_LOAD_BYTES),
      ifNotEqual(0, 0, 'count'), // that was the last
      loadU16(1, FP, ATTRIBUTE + 2),
      ifEqual(1, k.NDA_VLAN, 'drop'),
      loadU16(1, FP, ATTRIBUTE),
      add(1, 3),
      and(1, -4),
      addRegister(8, 1),
    )
  }
  return lines
}

function counting(map: number, port: number): Line[] {
  const filter = (name: string, instructions: readonly Instruction[]) =>
    translated(name, instructions, MESSAGE)
  return [
    copy(6, 1),
    move(2, 0),
    copy(3, FP),
    add(3, MESSAGE),
    move(4, MESSAGE_BYTES),
    call(SKB_LOAD_BYTES),
    ifNotEqual(0, 0, 'pass'),
    ...filter('learned', NO_LEARNED_ENTRIES),
    ...filter('bare', NO_BARE_ENTRIES),
    ...filter('own', noneOf(port)),
    move(7, SETS),
    ...lookUp(map),
    loadU64(1, 0, 0),
    ifEqual(1, 0, 'removals'),
    ...filter('marked', NO_MARKED_ENTRIES),

    label('removals'),
    loadU16(1, FP, MESSAGE + 4), // the message type
    ifNotEqual(1, k.RTM_DELNEIGH, 'rest'),
    loadU8(7, FP, INDEX), // its low octet
    shiftLeft(7, 1),
    ...lookUp(map),
    loadU64(1, 0, 0),
    loadU32(2, FP, INDEX),
    ifDifferent(1, 2, 'rest'),
    loadU8(1, FP, MESSAGE + k.NLMSG_HDRLEN), // ndm_family
    ifNotEqual(1, k.AF_BRIDGE, 'count'),
    ...dropOfVlan(),
    label('count'),
    add(7, DROPPED),
    ...lookUp(map),
    move(1, 1),
    addAtomically(0, 0, 1),
    // the kernel takes the mark from a neighbour before it removes it
    loadU8(1, FP, MESSAGE + k.NLMSG_HDRLEN), // ndm_family
    ifNotEqual(1, k.AF_BRIDGE, 'drop'),
    loadU8(1, FP, MESSAGE + k.NLMSG_HDRLEN + 10), // ndm_flags
    ifAnyBit32(1, k.NTF_EXT_LEARNED, 'drop'),

    label('rest'),
    ...filter('routes', NO_MAIN_ROUTES),
    label('pass'),
    move(0, -1),
    exit,
    label('drop'),
    move(0, 0),
    exit,
  ]
}
