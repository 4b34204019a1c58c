import net from 'node:net'
import { noAttributes } from '../src/bgp/attribute/attributes.ts'
import { MessageType } from '../src/bgp/constants.ts'
import { DEFAULT_CONTEXT } from '../src/bgp/context.ts'
import { EVPN } from '../src/bgp/family.ts'
import { noCapabilities } from '../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../src/bgp/message/index.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../src/bgp/message/pack.ts'
import type { MacIpRoute } from '../src/bgp/nlri/evpn/type2.ts'
import { encapsulation, parseRouteTarget } from '../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../src/bgp/values/rd.ts'
import { Writer } from '../src/bgp/wire/writer.ts'
import { ipv4FromNumber } from '../src/values/address.ts'
import { TcpPeer } from '../test/support/tcp-peer.ts'

export const VTEPS = '10.77.1.0/24'
/** Of VTEPs; odd, so that a sample of the routes by the last bits of their addresses is of all VTEPs. */
const COUNT = 63
const FIRST_VTEP = 0x0a4d0101
const VNI = 100

/** A reflector that has type 2 routes of many nodes ready, as octets. */
export class Offer {
  private peer: TcpPeer | null = null
  private readonly server = net.createServer()
  private readonly reach: Buffer
  private readonly unreach: Buffer

  static async listen(address: string, routes: number): Promise<Offer> {
    const offer = new Offer(routes)
    await new Promise<void>((resolve) => offer.server.listen(179, address, resolve))
    return offer
  }

  private constructor(routes: number) {
    const reach = new Writer(1 << 20)
    const unreach = new Writer(1 << 20)
    const attributes = {
      ...noAttributes(),
      origin: 0,
      asPath: [],
      localPref: 100,
      clusterList: [0x0a4d0001],
      extendedCommunities: [parseRouteTarget('64512:10')!, encapsulation(8)],
    }
    for (let vtep = 0; vtep < COUNT; vtep++) {
      const nextHop = ipv4FromNumber(FIRST_VTEP + vtep)
      const rd = ipv4Rd(nextHop, 1)
      const nlri: MacIpRoute[] = []
      for (let i = vtep; i < routes; i += COUNT)
        nlri.push({
          type: 2,
          rd,
          esi: '\0'.repeat(10) as MacIpRoute['esi'],
          ethernetTag: 0,
          mac: 0x020000100000 + i,
          ip: ipv4FromNumber(0xc0a80000 + 0x10000 + i),
          label: VNI,
          label2: null,
        })
      writeReach(
        reach,
        EVPN,
        nextHop,
        nlri,
        { ...attributes, originatorId: FIRST_VTEP + vtep },
        DEFAULT_CONTEXT,
      )
      writeUnreach(unreach, EVPN, nlri, DEFAULT_CONTEXT)
    }
    writeEndOfRib(reach, EVPN)
    this.reach = Buffer.from(reach.view())
    this.unreach = Buffer.from(unreach.view())
    this.server.on('connection', (socket) => {
      const peer = new TcpPeer(socket)
      peer.keepAlive()
      peer.sendOpen({ capabilities: { ...noCapabilities(), families: [EVPN], fourOctetAs: 64512 } })
      peer.send(KEEPALIVE)
      this.peer = peer
    })
  }

  get isUp(): boolean {
    return (this.peer?.count(MessageType.Update) ?? 0) > 0
  }

  /** In seconds, how long nothing came. */
  get longestSilence(): number {
    const times = this.peer?.received.map(({ at }) => at) ?? []
    return Math.max(...times.map((time, i) => (times[i + 1] ?? performance.now()) - time)) / 1000
  }

  advertise(): void {
    this.peer?.send(this.reach)
  }

  withdraw(): void {
    this.peer?.send(this.unreach)
  }

  close(): void {
    this.peer?.hangUp()
    this.server.close()
  }
}
