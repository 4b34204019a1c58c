import type { PortDefinition } from './definition.ts'
import { flag, name, since } from './field.ts'

/** A device enslaved to a bridge. The device itself may be external. */
export interface Port {
  readonly kind: 'port'
  readonly device: string
  readonly bridge: string
  /** Whether another program may have enslaved it: it is then moved only when it is in no bridge, keeps its options, and stays in an external bridge. */
  readonly given: boolean
  readonly learning: boolean
  readonly neighSuppress: boolean
}

export const port: PortDefinition<Port> = {
  kind: 'port',
  role: 'port',
  vpn: 'evpn',
  fields: {
    device: name,
    bridge: name,
    given: since(flag, false),
    learning: flag,
    neighSuppress: flag,
  },
  identity: ({ device }) => `port ${device}`,
  masterOf: ({ bridge }) => bridge,
  masterKind: 'bridge',
  traits: ({ given, learning, neighSuppress }) => (given ? {} : { learning, neighSuppress }),
  fits({ given, learning, neighSuppress }, actual) {
    const tuned = actual.learning === learning && actual.neighSuppress === neighSuppress
    return actual.forwarding && (given || tuned)
  },
  observed({ name: device, master: bridge, routing, learning, neighSuppress }) {
    return routing === null ? { kind: 'port', device, bridge, given: false, learning, neighSuppress } : null
  },
  hasLearned: ({ given, learning }, actual) => !given && !learning && actual.learning,
  // a VXLAN device keeps the entries of its own FDB
  isEmptied: ({ kind }) => kind !== 'vxlan',
}
