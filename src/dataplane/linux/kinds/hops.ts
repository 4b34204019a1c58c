import type { Hop } from '../../model.ts'
import { noMpls, type Refusal, reworded } from '../../refusal.ts'
import * as k from '../constants.ts'
import type { Links } from '../links.ts'
import { hasMpls } from '../sysctl.ts'

/** The first interface of some hops that does not exist. */
export function lackingOf(hops: readonly Hop[], links: Links): string | undefined {
  return hops.find(({ device }) => links.lookUp(device) === undefined)?.device
}

/** The remedy where the kernel does not support labels; null where that is not why it refused. */
export function explainLabels(refusal: Refusal, hops: readonly Hop[]): Refusal | null {
  if (refusal.errno !== k.EOPNOTSUPP || hops.every(({ labels }) => labels.length === 0)) return null
  return hasMpls() ? reworded(refusal, (text) => `${text}: modprobe mpls_iptunnel`) : noMpls
}
