import type { Observer } from '../driver.ts'
import * as k from './constants.ts'
import type { Links } from './links.ts'
import { type Message, messages } from './message.ts'
import { readNeighbour } from './observe.ts'
import { NetlinkSocket } from './socket.ts'

/** So many datagrams are read at a time, so that a flood of them does not hold up everybody else. */
const DATAGRAMS_A_POLL = 4096

/** Classic BPF: lets everything pass but RTM_NEWNEIGH with NTF_EXT_LEARNED. Multi-octet loads are in network order. */
const NO_MARKED_ENTRIES = program(
  [0x28, 0, 0, 4], // load the message type
  [0x15, 0, 3, k.RTM_NEWNEIGH << 8], // another type: pass
  [0x30, 0, 0, k.NLMSG_HDRLEN + 10], // load ndm_flags
  [0x45, 0, 1, k.NTF_EXT_LEARNED], // no mark: pass
  [0x06, 0, 0, 0], // drop
  [0x06, 0, 0, 0xffffffff], // pass
)

/** Hears what changes in the kernel; somebody has to `poll` it, for Node cannot wait on such a socket. */
export class Monitor {
  private readonly socket: NetlinkSocket
  private readonly links: Links
  private readonly observer: Observer
  private hushed = false

  constructor(links: Links, observer: Observer, bufferBytes: number) {
    this.socket = new NetlinkSocket({ groups: [k.RTNLGRP_LINK, k.RTNLGRP_NEIGH], bufferBytes })
    this.links = links
    this.observer = observer
  }

  /** While on, entries that are set with our mark are dropped before they cost a wake-up and a copy. */
  hush(on: boolean): void {
    if (on === this.hushed) return
    this.hushed = on
    this.socket.filter(on ? NO_MARKED_ENTRIES : null)
  }

  poll(): void {
    for (let i = 0; i < DATAGRAMS_A_POLL; i++) {
      const received = this.socket.receive()
      if (received === 'nothing') return
      if (received === 'overrun') this.observer.overrun()
      else for (const message of messages(this.socket.bytes, received)) this.heed(message)
    }
  }

  close(): void {
    this.socket.close()
  }

  private heed(message: Message): void {
    switch (message.type) {
      case k.RTM_NEWLINK:
      case k.RTM_DELLINK:
        for (const name of this.links.heed(message)) this.observer.linkChanged(name)
        return
      case k.RTM_NEWNEIGH:
      case k.RTM_DELNEIGH: {
        const seen = readNeighbour(message, this.links)
        if (seen === undefined) return
        const present = message.type === k.RTM_NEWNEIGH
        if (seen.bridge === null) this.observer.seen(seen.sighting, present)
        else this.observer.bridged(seen.bridge, seen.sighting, present)
      }
    }
  }
}

function program(...instructions: [code: number, yes: number, no: number, operand: number][]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8)
  for (const [i, [code, yes, no, operand]] of instructions.entries()) {
    bytes.writeUInt16LE(code, i * 8)
    bytes.writeUInt8(yes, i * 8 + 2)
    bytes.writeUInt8(no, i * 8 + 3)
    bytes.writeUInt32LE(operand, i * 8 + 4)
  }
  return bytes
}
