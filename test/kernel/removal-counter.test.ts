import { afterEach, beforeEach, expect, test } from 'vitest'
import * as k from '../../src/dataplane/linux/constants.ts'
import { NetlinkWriter } from '../../src/dataplane/linux/message.ts'
import { RemovalCounter } from '../../src/dataplane/linux/removal-counter.ts'
import * as libc from '../../src/linux/libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2 | k.SOCK_CLOEXEC | k.SOCK_NONBLOCK
/** The interface whose removals are counted, and its bridge. */
const [PORT, BRIDGE] = [5, 4]

let counter: RemovalCounter
let receiver: number
let sender: number

/** A pair of sockets, of which one has the filter: what kernels notify of is sent by the other. */
beforeEach(() => {
  const links = { nameOf: () => undefined, lookUp: () => undefined, isBridge: () => false }
  counter = RemovalCounter.create({ links, port: 1 })!
  counter.mute(false, [PORT])
  const name = `\0chanter-test-${process.pid}`
  const address = Buffer.alloc(2 + name.length)
  address.writeUInt16LE(AF_UNIX)
  address.write(name, 2)
  const opened = () => libc.checked(libc.socket(AF_UNIX, SOCK_DGRAM, 0), 'socket')
  receiver = opened()
  sender = opened()
  libc.checked(libc.bind(receiver, address, address.length), 'bind')
  libc.checked(libc.connect(sender, address, address.length), 'connect')
  const program = libc.int32(counter.fd)
  libc.checked(libc.setsockopt(receiver, k.SOL_SOCKET, k.SO_ATTACH_BPF, program, 4), 'filter')
})

afterEach(() => {
  for (const fd of [receiver, sender]) libc.close(fd)
  counter.close()
})

type Write = (writer: NetlinkWriter) => void
const address: Write = (writer) => writer.attributeMac(k.NDA_LLADDR, 2)
const bridge: Write = (writer) => writer.attributeU32(k.NDA_MASTER, BRIDGE)
const protocol: Write = (writer) => writer.attributeU8(k.NDA_PROTOCOL, 0)
const flags: Write = (writer) => writer.attributeU32(k.NDA_FLAGS_EXT, 0)
/** Its parts are the numbers of attributes. */
const age: Write = (writer) =>
  writer.attributeCharacters(k.NDA_CACHEINFO, '\x04\0\x05\0\x04\0\x05\0\x04\0\x05\0\x04\0\x05\0')
const vlan: Write = (writer) => writer.attributeU16(k.NDA_VLAN, 1)

/** Whether the filter lets a removal of the bridge's entry pass. */
function passes(...attributes: readonly Write[]): boolean {
  const writer = new NetlinkWriter()
  writer.begin(k.RTM_DELNEIGH, 0, 0)
  writer.u32(k.AF_BRIDGE)
  writer.u32(PORT)
  writer.u32(k.NUD_NOARP | (k.NTF_EXT_LEARNED << 16))
  for (const write of attributes) write(writer)
  writer.end()
  libc.checked(libc.send(sender, writer.bytes, writer.length, 0), 'send')
  return libc.recv(receiver, Buffer.alloc(1024), 1024, k.MSG_DONTWAIT) > 0
}

test.each([
  ['before 6.2', [address, bridge, age]],
  ['since 6.2', [address, bridge, flags, age]],
  ['with the protocol', [address, bridge, protocol, flags, age]],
])(
  "of removals of a bridge's entry, as kernels write it %s, those in VLANs are not counted",
  (_when, form) => {
    expect(passes(...form, vlan)).toBe(false)
    expect(counter.missed(PORT)).toBe(false)
    expect(passes(...form)).toBe(false)
    expect(counter.missed(PORT)).toBe(true)
  },
)
