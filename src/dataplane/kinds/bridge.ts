import type { LinkDefinition } from './definition.ts'
import { flag, name, since } from './field.ts'

/** A Linux bridge. */
export interface Bridge {
  readonly kind: 'bridge'
  readonly device: string
  /** Whether it may be external and in use by other programs: an external one stays as it is, and an owned one stays while it has other ports. */
  readonly external: boolean
  /** Our mark and the instance that the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
}

export const bridge: LinkDefinition<Bridge> = {
  kind: 'bridge',
  role: 'link',
  vpn: 'evpn',
  fields: { device: name, external: since(flag, false), alias: name },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'bridge',
  isSuch: () => true,
  isBridge: true,
}
