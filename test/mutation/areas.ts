/** What is mutated, and the tests that have to notice: the quick ones first, then those that see it from farther away. */
export interface Area {
  readonly files: readonly string[]
  readonly tests: readonly (readonly string[])[]
}

const SESSIONS = [
  'speaker',
  'speaker-routes',
  'restart',
  'route-refresh',
  'own-restart',
  'malformed/open',
  'malformed/order',
  'malformed/messages',
]

const bgp = (...names: readonly string[]): string[] => names.map((name) => `test/bgp/${name}.test.ts`)

export const AREAS: readonly Area[] = [
  {
    files: ['src/bgp/session/fsm/*.ts'],
    tests: [bgp('fsm', 'boundaries'), bgp(...SESSIONS)],
  },
  {
    files: ['src/bgp/{attribute,message,nlri,wire}/*.ts', 'src/bgp/nlri/evpn/*.ts'],
    tests: [
      bgp('boundaries', 'nlri', 'update-errors', 'values', 'vectors', 'recorded', 'reflector', 'reflection'),
      [
        ...bgp(
          'refused',
          'refused-attributes',
          'describe',
          'adj-rib-in',
          'advertise',
          'bounds',
          'passed-on',
          'properties',
          ...SESSIONS,
        ),
        'test/rest/contract.test.ts',
      ],
      bgp('malformed/update', 'malformed/headers'),
    ],
  },
  {
    files: ['src/bgp/rib/*.ts'],
    tests: [
      bgp(
        'rib',
        'route-selection',
        'adj-rib-in',
        'table',
        'interest',
        'orders',
        'imports',
        'reflector',
        'reflection',
      )
        .concat(
          bgp(
            'restart',
            'lost-reflector',
            'headless',
            'route-refresh',
            'own-restart',
            'recorded',
            'convergence',
            'vanished-routes',
            'refused',
            'advertise',
            'adj-rib-out',
            'adj-rib-out-routes',
          ),
        )
        .concat('test/evpn/select.test.ts'),
      [
        ...bgp('passed-on', 'bounds', 'speaker', 'speaker-routes', 'malformed/order', 'malformed/messages'),
        ...['explain', 'contract', 'peers'].map((name) => `test/rest/${name}.test.ts`),
        'test/ipvpn/readvertise.test.ts',
        'test/ipvpn/readvertise-lifecycle.test.ts',
      ],
      [...bgp('relief', 'malformed/floods'), 'test/sim/simulation.test.ts'],
    ],
  },
  {
    files: ['src/evpn/{select,mobility}.ts'],
    tests: [
      ['mobility', 'select', 'ip-mobility', 'flood-list', 'tunnel-ends'].map(
        (name) => `test/evpn/${name}.test.ts`,
      ),
      [
        'test/rest/explain.test.ts',
        'test/vpn/attach.test.ts',
        'test/vpn/two-nodes.test.ts',
        'test/sim/simulation.test.ts',
      ],
    ],
  },
  {
    files: ['src/ipvpn/select.ts'],
    tests: [
      ['select', 'explain', 'vrf', 'paths', 'views', 'irb', 'readvertise'].map(
        (name) => `test/ipvpn/${name}.test.ts`,
      ),
      ['test/rest/explain.test.ts', 'test/sim/simulation.test.ts'],
    ],
  },
]
