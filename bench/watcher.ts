import { setTimeout as pause } from 'node:timers/promises'
import * as k from '../src/dataplane/linux/constants.ts'
import { DROP, IF_ANY_BIT, IF_EQUAL, LOAD_U8, PASS, program } from '../src/dataplane/linux/filter.ts'
import { messages, NetlinkAttributes, type NetlinkMessage } from '../src/dataplane/linux/message.ts'
import { NetlinkSocket } from '../src/dataplane/linux/socket.ts'
import { enterNamespace } from '../src/lab/namespace.ts'

const NUD_FAILED = 0x20
const PATIENCE_MS = 60_000
/** Of so many entries one is watched, a power of 2: its notification costs this process what the daemon could use. */
export const SAMPLE = 256
/** Where the first attribute of a message about a neighbour begins, and where the last octets of an IPv4 and of a MAC address in it are. */
const ATTRIBUTE = k.NLMSG_HDRLEN + k.NDMSG_LENGTH
const LAST_OF_IP = ATTRIBUTE + 4 + 3
const LAST_OF_MAC = ATTRIBUTE + 4 + 5

/** Lets one in so many pass of FDB entries of VXLAN devices and of neighbours, by the last octet: unread messages cost the daemon little. */
const SAMPLED = program([
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN],
  [IF_EQUAL, 4, 0, k.AF_INET],
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 10], // ndm_flags
  [IF_ANY_BIT, 0, 5, k.NTF_SELF], // else drop
  [LOAD_U8, 0, 0, LAST_OF_MAC],
  [IF_ANY_BIT, 3, 2, SAMPLE - 1],
  [LOAD_U8, 0, 0, LAST_OF_IP],
  [IF_ANY_BIT, 1, 0, SAMPLE - 1],
  PASS,
  DROP,
])

/** Counts what the kernel of a namespace has of FDB entries of VXLAN devices and of neighbours, by the notifications of a sample of them. */
export class Watcher {
  private readonly held = new Set<string>()
  private readonly socket: NetlinkSocket

  constructor(namespace: string) {
    const leave = enterNamespace(namespace)
    this.socket = new NetlinkSocket({ groups: [k.RTNLGRP_NEIGH], bufferBytes: 1 << 30 })
    this.socket.filter(SAMPLED)
    leave()
  }

  /** The estimated number of entries. */
  get present(): number {
    return this.held.size * SAMPLE
  }

  /** Resolves to when it was so, in milliseconds of `performance.now()`. */
  async until(condition: () => boolean): Promise<number> {
    for (const deadline = performance.now() + PATIENCE_MS; ; ) {
      this.read()
      if (condition()) return performance.now()
      if (performance.now() > deadline) throw new Error(`still ${this.present} entries`)
      await pause(2)
    }
  }

  close(): void {
    this.socket.close()
  }

  private read(): void {
    for (;;) {
      const received = this.socket.receive()
      if (received === 'nothing') return
      if (received === 'overrun') throw new Error('notifications were lost')
      for (const message of messages(this.socket.bytes, received)) this.handle(message)
    }
  }

  private handle({ type, bytes, start, end }: NetlinkMessage): void {
    const family = bytes.readUInt8(start)
    const [state, flags] = [bytes.readUInt16LE(start + 8), bytes.readUInt8(start + 10)]
    if (family !== k.AF_INET && (family !== k.AF_BRIDGE || (flags & k.NTF_SELF) === 0)) return
    const attributes = new NetlinkAttributes(bytes, start + k.NDMSG_LENGTH, end)
    const key = family === k.AF_INET ? k.NDA_DST : k.NDA_LLADDR
    while (attributes.next()) {
      if (attributes.type !== key) continue
      const name = attributes.octets()
      if (type === k.RTM_NEWNEIGH && (state & NUD_FAILED) === 0) this.held.add(name)
      else this.held.delete(name)
    }
  }
}
