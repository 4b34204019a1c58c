import { Random } from './random.ts'

export interface Ingredient {
  readonly what: string
  /** Of how many networks it is a part. */
  readonly share: number
  /** Why no network has it at present; null: some have it. */
  readonly off: string | null
}

/** What some networks have beyond reflectors with the same clients, sessions alike, and storms that end well. */
export const INGREDIENTS = {
  'own-clients': {
    what: 'reflectors that peer with each other, with clients of their own each',
    share: 0.3,
    off: null,
  },
  'lost-side': {
    what: 'nodes that lose one of their reflectors for good, each another one',
    share: 0.25,
    off: null,
  },
  'dead-reflector': {
    what: 'a reflector that dies for good, while each node has another one',
    share: 0.25,
    off: null,
  },
  'no-rtc': {
    what: 'some machines without route target constraint (RFC 4684)',
    share: 0.25,
    off: null,
  },
  'no-graceful-restart': {
    what: 'some machines without graceful restart (RFC 4724)',
    share: 0.25,
    off: null,
  },
  'no-end-of-rib': {
    what: 'some machines without graceful restart and End-of-RIB',
    share: 0.2,
    off: null,
  },
  'long-lived': {
    what: 'some reflectors whose routes are kept stale for long (RFC 9494)',
    share: 0.15,
    off: null,
  },
  external: {
    what: 'some nodes in autonomous systems of their own, with and without a policy (RFC 8212)',
    share: 0.25,
    off: null,
  },
  refresh: {
    what: 'route refresh at any moment (RFC 2918, RFC 7313)',
    share: 0.4,
    off: null,
  },
  'moving-next-hop': {
    what: 'nodes that come back with another tunnel address, and paths through the underlay that change',
    share: 0.3,
    off: null,
  },
  'refused-restart': {
    what: 'kernels that refuse some of the first changes after a restart of their nodes',
    share: 0.3,
    off: null,
  },
  'new-ports': {
    what: 'interfaces of VMs that are deleted and made anew, and links of ours that are set down or lose their mark, or whose names others take',
    share: 0.3,
    off: null,
  },
  'several-addresses': {
    what: 'endpoints with an IPv4 and an IPv6 address, and some with the IPv4 address of another',
    share: 0.3,
    off: null,
  },
  hasty: {
    what: 'agents that do not wait for answers, and ask again',
    share: 0.3,
    off: null,
  },
  'late-kernel': {
    what: 'kernels that answer late and out of order, or not for a while',
    share: 0.25,
    off: 'a port that had no answer when it entered its bridge may still be there when the bridge is deleted',
  },
  backup: {
    what: 'nodes that come back with an older state file',
    share: 0.25,
    off: 'links that such a state lacks stay beside those that the agent asks for anew, named as stale, and what it has to remove may be in use again',
  },
  prompt: {
    what: 'after the storm a reflector dies for good, endpoints come, go and move, and all must be right before the restart time is over',
    share: 0.25,
    off: null,
  },
  'prompt-restart': {
    what: 'after the storm a node restarts, maybe without one of its reflectors, and all must be right before the restart time is over',
    share: 0.2,
    off: null,
  },
  evacuated: {
    what: 'after the storm a node is cut off, its endpoints are attached elsewhere, and stay there when it is back',
    share: 0.15,
    off: null,
  },
  'evacuated-late': {
    what: 'the same, but they are attached elsewhere when the routes of that node are long gone',
    share: 0.15,
    off: 'a node begins with sequence 0 for what it knows no route for: that of the node that is back is the same, and the lower address wins, or it is higher',
  },
} as const satisfies Record<string, Ingredient>

export type IngredientName = keyof typeof INGREDIENTS

export const INGREDIENT_NAMES = Object.keys(INGREDIENTS) as readonly IngredientName[]

/** Those that are not switched off. */
export const SWITCHED_ON: readonly IngredientName[] = INGREDIENT_NAMES.filter(
  (name) => (INGREDIENTS[name] as Ingredient).off === null,
)

/** Which of `allowed` the network of a seed has; each is drawn by itself, so that one more changes no network without it. */
export function ingredientsOf(seed: number, allowed: Iterable<IngredientName>): Set<IngredientName> {
  return new Set(
    [...allowed].filter((name) => Random.for(seed, `has ${name}`).chance(INGREDIENTS[name].share)),
  )
}
