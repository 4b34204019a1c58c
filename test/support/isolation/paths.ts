import * as k from '../../../src/dataplane/linux/constants.ts'
import { messages, NetlinkAttributes, NetlinkWriter } from '../../../src/dataplane/linux/message.ts'
import { NetlinkSocket } from '../../../src/dataplane/linux/socket.ts'
import { type Ip, parseIp } from '../../../src/values/address.ts'
import { within } from '../sockets.ts'

const RTA_METRICS = 8
const NLMSG_DONE = 3
/** Numbers of `ipv6_devconf`, in this order (linux/ipv6.h). */
const IFLA_INET6_CONF = 2
const [HOP_LIMIT, MTU] = [1, 2]
const SHOWN = new Map([
  [k.RTA_OIF, 'interface'],
  [k.RTA_GATEWAY, 'gateway'],
  [RTA_METRICS, 'metrics'],
])

/** Asks the kernel of a namespace how it sends. */
export class Paths {
  private readonly socket: NetlinkSocket
  private readonly writer = new NetlinkWriter()

  constructor(namespace: string) {
    this.socket = within(namespace, () => new NetlinkSocket())
  }

  /** Interface, gateway and metrics, path MTU among them, of the main table's way to an address. */
  to(address: string): string {
    const { socket, writer } = this
    const ip = parseIp(address) as Ip
    const family = address.includes(':') ? k.AF_INET6 : k.AF_INET
    writer.clear()
    writer.begin(k.RTM_GETROUTE, 0, 1)
    writer.u32(family | ((ip.length * 8) << 8))
    writer.u32(0)
    writer.u32(0)
    writer.attributeIp(k.RTA_DST, ip)
    writer.end()
    socket.send(writer)
    const received = socket.receive()
    if (typeof received === 'string') throw new Error(`the kernel answers with ${received}`)
    const [answer] = messages(socket.bytes, received)
    if (answer?.type !== k.RTM_NEWROUTE) return `path ${address} none`
    const attributes = new NetlinkAttributes(answer.bytes, answer.start + 12, answer.end)
    const words = [`path ${address}`]
    while (attributes.next()) {
      const name = SHOWN.get(attributes.type)
      if (name !== undefined)
        words.push(`${name} ${Buffer.from(attributes.octets(), 'latin1').toString('hex')}`)
    }
    return words.join(' ')
  }

  /** What router advertisements set of each interface (RFC 4861 §6.3.4): its hop limit and its MTU. */
  parameters(): string[] {
    const { socket, writer } = this
    writer.clear()
    writer.begin(k.RTM_GETLINK, k.NLM_F_DUMP, 2)
    for (let i = 0; i < 4; i++) writer.u32(0)
    writer.attributeU32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS)
    writer.end()
    socket.send(writer)
    const lines: string[] = []
    for (;;) {
      const received = socket.receive()
      if (typeof received === 'string') throw new Error(`the kernel answers with ${received}`)
      for (const { type, start, end } of messages(socket.bytes, received)) {
        if (type === NLMSG_DONE) return lines
        lines.push(parametersOf(new NetlinkAttributes(socket.bytes, start + 16, end)))
      }
    }
  }

  close(): void {
    this.socket.close()
  }
}

function parametersOf(link: NetlinkAttributes): string {
  let [name, conf] = ['', '']
  while (link.next()) {
    if (link.type === k.IFLA_IFNAME) name = link.text()
    if (link.type !== k.IFLA_AF_SPEC) continue
    const families = link.nested()
    while (families.next()) {
      if (families.type !== k.AF_INET6) continue
      const ipv6 = families.nested()
      while (ipv6.next()) {
        if (ipv6.type !== IFLA_INET6_CONF) continue
        const at = (number: number) => ipv6.bytes.readInt32LE(ipv6.at + 4 * number)
        conf = `hop limit ${at(HOP_LIMIT)} mtu ${at(MTU)}`
      }
    }
  }
  return `${name} ${conf}`
}
