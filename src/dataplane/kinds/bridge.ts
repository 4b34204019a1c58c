import type { LinkDefinition } from './definition.ts'
import { flag, name, since } from './field.ts'

/** A Linux bridge. */
export interface Bridge {
  readonly kind: 'bridge'
  readonly device: string
  /** Others may have made it, and use it: theirs is taken as it is, ours stays as long as it has other ports. */
  readonly given: boolean
  /** Our mark and whom the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
}

export const bridge: LinkDefinition<Bridge> = {
  kind: 'bridge',
  role: 'link',
  fields: { device: name, given: since(flag, false), alias: name },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'bridge',
  isSuch: () => true,
}
