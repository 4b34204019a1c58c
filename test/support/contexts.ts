import { MAX_EXTENDED_MESSAGE_LENGTH, MAX_MESSAGE_LENGTH } from '../../src/bgp/constants.ts'
import { NO_FAMILIES, type SessionContext } from '../../src/bgp/context.ts'
import { nlriCodecs } from '../../src/bgp/nlri/index.ts'

const ALL_FAMILIES = new Set(nlriCodecs.map(({ family }) => family))

/** Every combination of what two speakers can agree on. */
export const CONTEXTS: readonly SessionContext[] = [true, false].flatMap((fourOctetAs) =>
  [true, false].flatMap((internal) =>
    [NO_FAMILIES, ALL_FAMILIES].flatMap((addPathReceive) =>
      [MAX_MESSAGE_LENGTH, MAX_EXTENDED_MESSAGE_LENGTH].map((maxMessageLength) => ({
        fourOctetAs,
        internal,
        enhancedRouteRefresh: true,
        families: null,
        addPathReceive,
        maxMessageLength,
      })),
    ),
  ),
)
