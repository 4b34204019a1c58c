import { setTimeout as pause } from 'node:timers/promises'
import * as k from '../src/dataplane/linux/constants.ts'
import { Attributes, type Message, messages } from '../src/dataplane/linux/message.ts'
import { NetlinkSocket } from '../src/dataplane/linux/socket.ts'
import { enterNamespace } from '../src/lab/namespace.ts'

const NUD_FAILED = 0x20
const PATIENCE_MS = 60_000

/** Counts what the kernel of a namespace has of FDB entries of VXLAN devices and of neighbours, by its notifications. */
export class Watcher {
  private readonly held = new Set<string>()
  private readonly socket: NetlinkSocket

  constructor(namespace: string) {
    const leave = enterNamespace(namespace)
    this.socket = new NetlinkSocket({ groups: [k.RTNLGRP_NEIGH], bufferBytes: 1 << 30 })
    leave()
  }

  get present(): number {
    return this.held.size
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
      for (const message of messages(this.socket.bytes, received)) this.heed(message)
    }
  }

  private heed({ type, bytes, start, end }: Message): void {
    const family = bytes.readUInt8(start)
    const [state, flags] = [bytes.readUInt16LE(start + 8), bytes.readUInt8(start + 10)]
    if (family !== k.AF_INET && (family !== k.AF_BRIDGE || (flags & k.NTF_SELF) === 0)) return
    const attributes = new Attributes(bytes, start + k.NDMSG_LENGTH, end)
    const key = family === k.AF_INET ? k.NDA_DST : k.NDA_LLADDR
    while (attributes.next()) {
      if (attributes.type !== key) continue
      const name = attributes.octets()
      if (type === k.RTM_NEWNEIGH && (state & NUD_FAILED) === 0) this.held.add(name)
      else this.held.delete(name)
    }
  }
}
