import type { Lab } from '../../../../src/lab/lab.ts'
import type { Links } from '../links.ts'
import type { RealPeer } from '../real-peer.ts'
import { Bird } from './bird.ts'
import { ExaBgp } from './exabgp.ts'
import { Frr } from './frr.ts'
import { GoBgp } from './gobgp.ts'
import { OpenBgpd } from './openbgpd.ts'

type MakePeer = (lab: Lab, namespace: string, links: Links) => RealPeer

/** The columns of the table, each with the Debian package that it is of. */
export const PEERS: Readonly<Record<string, { readonly debian: string; readonly make: MakePeer }>> = {
  GoBGP: { debian: 'gobgpd', make: (...at) => new GoBgp(...at) },
  FRR: { debian: 'frr', make: (...at) => new Frr(...at) },
  BIRD: { debian: 'bird2', make: (...at) => new Bird(...at) },
  OpenBGPD: { debian: 'openbgpd', make: (...at) => new OpenBgpd(...at) },
  ExaBGP: { debian: 'exabgp', make: (...at) => new ExaBgp(...at) },
}
