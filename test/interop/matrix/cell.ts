import { eventually, Hopeless, type Look } from '../../../src/lab/eventually.ts'
import type { LinkName } from './links.ts'
import type { Ours } from './ours.ts'
import type { RealPeer } from './real-peer.ts'

/** The lines of the table. */
export const CELL_NAMES = [
  'EVPN out',
  'EVPN in',
  'VPNv4 out',
  'VPNv4 in',
  'VPNv6 out',
  'VPNv6 in',
  'RTC out',
  'RTC in',
  'FlowSpec-VPNv4 out',
  'FlowSpec-VPNv4 in',
  'FlowSpec-VPNv6 out',
  'FlowSpec-VPNv6 in',
  'RTC: peer filters',
  'RTC: we filter',
  'refresh: we ask',
  'refresh: peer asks',
  '4-octet AS',
  'eBGP',
  'MD5',
  'IPv6 transport',
  'GR: we restart',
  'GR: peer restarts',
] as const
export type CellName = (typeof CELL_NAMES)[number]

export type Outcome =
  | { readonly verdict: 'pass'; readonly note: string; readonly remarks: readonly string[] }
  | { readonly verdict: 'fail'; readonly note: string }
  | { readonly verdict: 'not supported by peer'; readonly note: string }

/** One thing to try with one peer; what it returns are the peer's own words that prove it. */
export type Trial = (column: Column) => Promise<string>

/** A peer with our speakers for it. */
export class Column {
  readonly peer: RealPeer
  readonly ours = new Map<LinkName, Ours>()
  /** What a reader of the table should know of the cell that is being tried. */
  readonly remarks = new Set<string>()

  constructor(peer: RealPeer) {
    this.peer = peer
  }

  our(link: LinkName): Ours {
    const ours = this.ours.get(link)
    if (ours === undefined) throw new Error(`no speaker on link ${link}`)
    return ours
  }

  /** As the function `eventually`, but fails at once when the peer has ended by itself. */
  eventually<T>(awaited: string, look: () => Promise<Look<T>>): Promise<T> {
    const watchful = () => {
      if (this.peer.failure !== undefined)
        throw new Hopeless(`${this.peer.failure} while we waited for this: ${awaited}`)
      return look()
    }
    return eventually(awaited, watchful)
  }

  async established(link: LinkName): Promise<void> {
    const ours = this.our(link)
    await this.eventually(`the session ${link} is up, says ${this.peer.name}`, async () => {
      const { established } = await this.peer.session(link)
      return established && ours.state === 'Established'
        ? { value: true }
        : { seen: `${established ? 'up' : 'down'} there, ${ours.state} here` }
    })
  }
}
