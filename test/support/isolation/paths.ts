import * as k from '../../../src/dataplane/linux/constants.ts'
import { Attributes, messages, Writer } from '../../../src/dataplane/linux/message.ts'
import { NetlinkSocket } from '../../../src/dataplane/linux/socket.ts'
import { type Ip, parseIp } from '../../../src/values/address.ts'
import { within } from '../sockets.ts'

const RTA_METRICS = 8
const SHOWN = new Map([
  [k.RTA_OIF, 'interface'],
  [k.RTA_GATEWAY, 'gateway'],
  [RTA_METRICS, 'metrics'],
])

/** Asks the kernel of a namespace how it would send now. */
export class Paths {
  private readonly socket: NetlinkSocket
  private readonly writer = new Writer()

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
    const attributes = new Attributes(answer.bytes, answer.start + 12, answer.end)
    const words = [`path ${address}`]
    while (attributes.next()) {
      const name = SHOWN.get(attributes.type)
      if (name !== undefined)
        words.push(`${name} ${Buffer.from(attributes.octets(), 'latin1').toString('hex')}`)
    }
    return words.join(' ')
  }

  close(): void {
    this.socket.close()
  }
}
