import type { PortDefinition } from './definition.ts'
import { described, flag, name, since } from './field.ts'

/** A device enslaved to a bridge. The device itself may be external. */
export interface Port {
  readonly kind: 'port'
  readonly device: string
  readonly bridge: string
  /** Whether another program may have enslaved it: it is then moved only when it is in no bridge or an owned one, keeps its options, and stays in an external bridge. */
  readonly external: boolean
  readonly learning: boolean
  readonly neighSuppress: boolean
}

export const port = {
  kind: 'port',
  role: 'port',
  vpn: 'evpn',
  fields: {
    device: name,
    bridge: name,
    external: described(
      since(flag, false),
      'whether it may be in an external bridge: another program may have enslaved it',
    ),
    learning: flag,
    neighSuppress: flag,
  },
  identity: ({ device }) => `port ${device}`,
  masterOf: ({ bridge }) => bridge,
  masterKind: 'bridge',
  traits: ({ external, learning, neighSuppress }) => (external ? {} : { learning, neighSuppress }),
  fits({ external, learning, neighSuppress }, actual) {
    const tuned = actual.learning === learning && actual.neighSuppress === neighSuppress
    return actual.forwarding && (external || tuned)
  },
  observed({ name: device, master: bridge, routing, learning, neighSuppress }) {
    return routing === null
      ? { kind: 'port', device, bridge, external: false, learning, neighSuppress }
      : null
  },
  hasLearned: ({ external, learning }, actual) => !external && !learning && actual.learning,
  // a VXLAN device keeps the entries of its own FDB
  isEmptied: ({ kind }) => kind !== 'vxlan',
} satisfies PortDefinition<Port>
