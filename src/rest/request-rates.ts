import type { Socket } from 'node:net'
import { parseIp, unmapped } from '../values/address.ts'
import { isOfThisMachine } from './access.ts'

/** A client that was quiet may send this many seconds' requests at once. */
const BURST_SECONDS = 10
/** Clients that are counted at once; of more, those that have been quiet longest begin anew. */
const MAX_CLIENTS = 1024
/** Octets of an address that tell IPv6 clients apart: a client has a /64. */
const CLIENT_OCTETS = 8

/** What a client may still send. */
interface Bucket {
  requests: number
  /** When it was filled last. */
  at: number
}

/** Counts the requests of clients on other machines: a token bucket each. */
export class RequestRates {
  /** The client of the latest request is last. */
  private readonly buckets = new Map<string, Bucket>()
  /** Monotonic, in milliseconds. */
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /** Counts a request. Returns how many milliseconds too early it is: 0 for one that is to be answered. A rate of 0 is no limit. */
  early(socket: Socket, perSecond: number): number {
    const { remoteAddress } = socket
    if (perSecond === 0 || remoteAddress === undefined || isOfThisMachine(socket)) return 0
    const bucket = this.bucketOf(clientOf(remoteAddress), perSecond)
    if (bucket.requests < 1) return Math.ceil(((1 - bucket.requests) * 1000) / perSecond)
    bucket.requests--
    return 0
  }

  private bucketOf(client: string, perSecond: number): Bucket {
    const { buckets } = this
    const [now, most] = [this.now(), perSecond * BURST_SECONDS]
    const { requests, at } = buckets.get(client) ?? { requests: most, at: now }
    const bucket = { requests: Math.min(most, requests + ((now - at) * perSecond) / 1000), at: now }
    buckets.delete(client)
    const [quietest] = buckets.keys()
    if (buckets.size >= MAX_CLIENTS && quietest !== undefined) buckets.delete(quietest)
    buckets.set(client, bucket)
    return bucket
  }
}

/** Of link-local addresses a client has as many as it wants too: those of a link, which is the zone, are one. */
function clientOf(address: string): string {
  const [plain = '', zone = ''] = address.split('%')
  const ip = parseIp(plain)
  return ip === undefined ? address : unmapped(ip).slice(0, CLIENT_OCTETS) + zone
}
