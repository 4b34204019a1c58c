import type { InterfaceAddress, Ip } from '../../values/address.ts'
import { isOurs, type Link } from '../driver.ts'
import * as k from './constants.ts'
import { dumpAddresses } from './encode-ip.ts'
import type { Links } from './links.ts'
import { Attributes, type Message } from './message.ts'
import { dump, exhaust } from './requests.ts'

/** The addresses of the machine itself: not those of VRFs and their ports, nor of what we made, nor such as another machine was found to have. */
export function nodeAddresses(links: Links): InterfaceAddress[] {
  const addresses: InterfaceAddress[] = []
  const visit = (message: Message) => {
    const address = read(message)
    const name = links.nameOf(message.bytes.readUInt32LE(message.start + 4))
    if (address !== undefined && name !== undefined && !isForTenants(links, name)) addresses.push(address)
  }
  for (const family of [k.AF_INET, k.AF_INET6]) {
    const write = (writer: Parameters<typeof dumpAddresses>[0]) => dumpAddresses(writer, family, 0)
    exhaust(dump({ type: k.RTM_GETADDR, write, visit, nothing: [k.EAFNOSUPPORT, k.EOPNOTSUPP] }))
  }
  return addresses
}

/** With a peer, the subnet is that one's: of the address itself there is none. */
function read({ bytes, start, end }: Message): InterfaceAddress | undefined {
  let local = ''
  let address = ''
  let protocol = 0
  const attributes = new Attributes(bytes, start + k.IFADDRMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.IFA_LOCAL) local = attributes.octets()
    else if (attributes.type === k.IFA_ADDRESS) address = attributes.octets()
    else if (attributes.type === k.IFA_PROTO) protocol = attributes.u8()
  }
  const isDuplicate = (bytes.readUInt8(start + 2) & k.IFA_F_DADFAILED) !== 0
  if (protocol === k.PROTOCOL || isDuplicate) return undefined
  const hasPeer = local !== '' && address !== '' && local !== address
  const ip = (local === '' ? address : local) as Ip
  return { ip, prefixLength: hasPeer ? ip.length * 8 : bytes.readUInt8(start + 1) }
}

function isForTenants(links: Links, name: string): boolean {
  let link: Link | undefined = links.lookUp(name)
  if (link === undefined || isOurs(link)) return true
  while (link !== undefined && link.table === null)
    link = link.master === null ? undefined : links.lookUp(link.master)
  return link !== undefined
}
