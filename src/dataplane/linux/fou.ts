import { type Ip, isIpv4 } from '../../values/address.ts'
import { MPLS_UDP_PORT } from '../kinds/udp-port.ts'
import { noFou, type Refusal, reworded } from '../refusal.ts'
import * as k from './constants.ts'
import { ipFamily } from './encode.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust, Requests } from './requests.ts'

/** UDP ports whose packets the kernel decapsulates as MPLS: Foo over UDP, a family of generic netlink. */
export class Fou {
  private requests: Requests | null = null
  private known: number | undefined
  /** The ports that this process has set. */
  private readonly own = new Set<Ip>()

  /** Returns why it was refused, if it was. */
  set(ip: Ip): Refusal | null {
    const family = this.family()
    if (family === undefined) return noFou
    if (this.addresses().includes(ip)) return null
    const refusal = this.send(family, k.FOU_CMD_ADD, ip)
    if (refusal === undefined) {
      this.own.add(ip)
      return null
    }
    const taken = refusal.errno === k.EADDRINUSE
    return taken
      ? reworded(refusal, (text) => `${text}: UDP port ${MPLS_UDP_PORT} is in use by another program`)
      : refusal
  }

  /** Removes the ports that this process has set. */
  remove(ip: Ip): Refusal | null {
    const family = this.family()
    if (!this.own.delete(ip) || family === undefined || !this.addresses().includes(ip)) return null
    return this.send(family, k.FOU_CMD_DEL, ip) ?? null
  }

  /** The addresses with a UDP port for MPLS. */
  addresses(): Ip[] {
    const family = this.family()
    const found: Ip[] = []
    if (family === undefined) return found
    const visit = (message: NetlinkMessage) => {
      const ip = readFou(message)
      if (ip !== undefined) found.push(ip)
    }
    const write = (writer: NetlinkWriter) => writer.u32(k.FOU_CMD_GET | VERSION)
    exhaust(dump({ protocol: k.NETLINK_GENERIC, type: family, write, visit }))
    return found
  }

  close(): void {
    this.requests?.close()
  }

  private send(family: number, command: number, ip: Ip) {
    const requests = this.generic()
    const { writer } = requests
    requests.begin(family, 0)
    writer.u32(command | VERSION)
    writer.attributePort(k.FOU_ATTR_PORT, MPLS_UDP_PORT)
    writer.attributeU8(k.FOU_ATTR_AF, ipFamily(ip))
    writer.attributeU8(k.FOU_ATTR_IPPROTO, k.IPPROTO_MPLS)
    writer.attributeU8(k.FOU_ATTR_TYPE, k.FOU_ENCAP_DIRECT)
    writer.attributeIp(isIpv4(ip) ? k.FOU_ATTR_LOCAL_V4 : k.FOU_ATTR_LOCAL_V6, ip)
    requests.end()
    return requests.send().get(0)
  }

  /** The kernel's number of the family; undefined where it has none. */
  private family(): number | undefined {
    if (this.known !== undefined) return this.known
    const requests = this.generic()
    requests.begin(k.GENL_ID_CTRL, 0)
    requests.writer.u32(k.CTRL_CMD_GETFAMILY | VERSION)
    requests.writer.attributeText(k.CTRL_ATTR_FAMILY_NAME, 'fou')
    requests.end()
    requests.send(({ bytes, start, end }) => {
      const attributes = new NetlinkAttributes(bytes, start + k.GENL_HDRLEN, end)
      while (attributes.next()) if (attributes.type === k.CTRL_ATTR_FAMILY_ID) this.known = attributes.u16()
    })
    return this.known
  }

  private generic(): Requests {
    this.requests ??= new Requests(k.NETLINK_GENERIC)
    return this.requests
  }
}

/** Version 1 in the header of a generic netlink message. */
const VERSION = 1 << 8

/** The address of a port for MPLS; undefined for any other port. */
function readFou({ bytes, start, end }: NetlinkMessage): Ip | undefined {
  let ip: Ip | undefined
  let port = 0
  let protocol = 0
  const attributes = new NetlinkAttributes(bytes, start + k.GENL_HDRLEN, end)
  while (attributes.next()) {
    if (attributes.type === k.FOU_ATTR_PORT) port = attributes.network()
    else if (attributes.type === k.FOU_ATTR_IPPROTO) protocol = attributes.u8()
    else if (attributes.type === k.FOU_ATTR_LOCAL_V4 || attributes.type === k.FOU_ATTR_LOCAL_V6)
      ip = attributes.octets() as Ip
  }
  return port === MPLS_UDP_PORT && protocol === k.IPPROTO_MPLS ? ip : undefined
}
