import type { LinkDefinition } from './definition.ts'
import { described, flag, name, since } from './field.ts'

/** A Linux bridge. */
export interface Bridge {
  readonly kind: 'bridge'
  readonly device: string
  /** Our mark and the instance that the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
  /** Whether it may be external and in use by other programs: an external one stays as it is, and an owned one stays while it has other ports. */
  readonly external: boolean
}

export const bridge = {
  kind: 'bridge',
  role: 'link',
  vpn: 'evpn',
  fields: {
    device: name,
    alias: name,
    external: described(since(flag, false), 'whether it may be external: made by another program'),
  },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'bridge',
  isSuch: () => true,
  isBridge: true,
} satisfies LinkDefinition<Bridge>
