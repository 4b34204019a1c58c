import type { Lab } from '../../../../src/lab/lab.ts'
import type { Links } from '../links.ts'
import type { RealPeer } from '../real-peer.ts'
import { Bird } from './bird.ts'
import { ExaBgp } from './exabgp.ts'
import { Frr } from './frr.ts'
import { GoBgp } from './gobgp.ts'
import { OpenBgpd } from './openbgpd.ts'

/** The columns of the table. */
export const PEERS: Readonly<Record<string, (lab: Lab, namespace: string, links: Links) => RealPeer>> = {
  GoBGP: (...at) => new GoBgp(...at),
  FRR: (...at) => new Frr(...at),
  BIRD: (...at) => new Bird(...at),
  OpenBGPD: (...at) => new OpenBgpd(...at),
  ExaBGP: (...at) => new ExaBgp(...at),
}
