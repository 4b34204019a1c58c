/** What is mutated, and the tests that have to notice: the quick ones first, then those that see it from farther away. */
export interface Area {
  readonly files: readonly string[]
  readonly tests: readonly (readonly string[])[]
}

const SESSIONS = ['speaker', 'restart', 'malformed/open', 'malformed/order', 'malformed/messages']

const bgp = (...names: readonly string[]): string[] => names.map((name) => `test/bgp/${name}.test.ts`)

export const AREAS: readonly Area[] = [
  {
    files: ['src/bgp/session/fsm/*.ts'],
    tests: [bgp('fsm', 'boundaries'), bgp(...SESSIONS)],
  },
  {
    files: ['src/bgp/{attribute,message,nlri,wire}/*.ts', 'src/bgp/nlri/evpn/*.ts'],
    tests: [
      bgp('boundaries', 'nlri', 'update-errors', 'values', 'vectors'),
      bgp('recorded', 'describe', 'properties', 'malformed/update', 'malformed/headers', ...SESSIONS),
      [
        ...bgp('advertise', 'bounds', 'passed-on', 'reflector', 'malformed/floods'),
        'test/rest/contract.test.ts',
      ],
    ],
  },
  {
    files: ['src/bgp/rib/*.ts'],
    tests: [
      bgp(
        'rib',
        'log-allowance',
        'table',
        'interest',
        'orders',
        'imports',
        'reflector',
        'reflection',
        'restart',
        'recorded',
      ),
      bgp('advertise', 'convergence', 'passed-on', 'bounds', 'vanished-routes', 'refused'),
      bgp('speaker', 'malformed/update', 'malformed/order', 'malformed/messages', 'malformed/floods'),
      [
        'test/evpn/mobility.test.ts',
        'test/ipvpn/readvertise.test.ts',
        'test/rest/explain.test.ts',
        'test/rest/contract.test.ts',
        'test/rest/peers.test.ts',
        'test/sim/simulation.test.ts',
      ],
    ],
  },
  {
    files: ['src/evpn/{select,mobility}.ts'],
    tests: [
      ['mobility', 'select', 'ip-mobility', 'floods', 'tunnel-ends'].map(
        (name) => `test/evpn/${name}.test.ts`,
      ),
      ['test/rest/explain.test.ts', 'test/vpn/service.test.ts', 'test/sim/simulation.test.ts'],
    ],
  },
  {
    files: ['src/ipvpn/select.ts'],
    tests: [
      ['select', 'explain', 'vrf', 'views', 'plug', 'readvertise'].map(
        (name) => `test/ipvpn/${name}.test.ts`,
      ),
      ['test/rest/explain.test.ts', 'test/sim/simulation.test.ts'],
    ],
  },
]
