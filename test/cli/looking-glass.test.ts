import { describe, expect, test } from 'vitest'
import { type JsonValue, lookingGlassText } from '../../src/cli/looking-glass-text.ts'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

const link = (path: string) => ({ href: `http://127.0.0.1:8082/looking-glass/${path}` })

/** Answers of a daemon, and what bagpipe-looking-glass prints for them. */
const LAYOUTS: [string, JsonValue, string][] = [
  [
    'scalars, subtrees, nested objects',
    {
      summary: {
        BGP_established_peers: 1,
        route_counts: { local_routes_count: 12, received_routes_count: 0 },
        start_time: '2026-11-22 15:22:01',
        version: '17.0.0',
      },
      config: link('config'),
      logs: link('logs'),
    },
    `summary: 
  BGP_established_peers: 1
  route_counts: 
    local_routes_count: 12
    received_routes_count: 0
  start_time: 2026-11-22 15:22:01
  version: 17.0.0
config:  (...)
logs:  (...)
`,
  ],
  [
    'items of a collection',
    [
      { ...link('vpns/instances/clinet1'), id: 'clinet1', name: 'EVI-1' },
      { ...link('x'), id: 'VRF-3' },
    ],
    `* clinet1 (...)
  name: EVI-1
* VRF-3 (...)
`,
  ],
  [
    'routes',
    {
      'ipv4/mpls-vpn,*': [],
      'l2vpn/evpn,*': [
        {
          'evpn:multicast::10.77.0.11:2:0:10.77.0.11': {
            'afi-safi': 'l2vpn/evpn',
            attributes: {
              'extended-community': '[ target:64512:78 encap:VXLAN ]',
              'pmsi-tunnel': 'pmsi:ingressreplication:0:0(17):10.77.0.11',
            },
            next_hop: '10.77.0.11',
            source: { ...link('bgp/workers/EVI-2'), id: 'EVI-2' },
            route_targets: ['target:64512:78'],
          },
        },
      ],
    },
    `ipv4/mpls-vpn,*: -
l2vpn/evpn,*: 
  * evpn:multicast::10.77.0.11:2:0:10.77.0.11: 
      afi-safi: l2vpn/evpn
      attributes: 
        extended-community: [ target:64512:78 encap:VXLAN ]
        pmsi-tunnel: pmsi:ingressreplication:0:0(17):10.77.0.11
      next_hop: 10.77.0.11
      source: EVI-2 (...)
      route_targets: 
        * target:64512:78
`,
  ],
  [
    'null, true, lists, empty objects, several lines',
    { a: null, b: true, peers: ['10.77.0.1'], c: {}, d: 'one\ntwo\n', e: false },
    `a: None
b: True
peers: 
  * 10.77.0.1
c: -
d: 
  one
  two
e: False
`,
  ],
]

describe('the text has the layout of bagpipe-looking-glass', () => {
  test.each(LAYOUTS)('%s', async (_, data, text) => {
    expect(await lookingGlassText(data)).toBe(text)
  })
})

describe('the command', () => {
  const TREE: Record<string, JsonValue> = {
    '/looking-glass': { bgp: link('bgp'), self: link('') },
    '/looking-glass/bgp': { peers: link('bgp/peers'), up: link('') },
    '/looking-glass/bgp/peers': [{ ...link('bgp/peers/10.77.0.1'), id: '10.77.0.1', state: 'Established' }],
    '/looking-glass/bgp/peers/10.77.0.1': { name: 'BGP-10.77.0.1', gone: link('bgp/peers/10.77.0.1/gone') },
  }

  async function lookingGlass(...args: readonly string[]) {
    const server = await serve(({ url = '' }) => {
      const data = TREE[url]
      return data === undefined ? { status: 404, body: '' } : { body: JSON.stringify(data) }
    })
    return chanter('looking-glass', '--port', String(server.port), ...args)
  }

  test('asks for a path', async () => {
    expect(await lookingGlass('bgp', 'peers')).toMatchObject({
      output: '* 10.77.0.1 (...)\n  state: Established\n',
      error: undefined,
    })
  })

  test('recurses downwards only', async () => {
    const { output } = await lookingGlass('-r')
    expect(output).toBe(`bgp: 
    peers: 
        * 10.77.0.1
            name: BGP-10.77.0.1
            gone:  (...)
    up:  (...)
self:  (...)
`)
  })

  test('prints JSON', async () => {
    const { output } = await lookingGlass('--json', '-r', 'bgp')
    expect(JSON.parse(output)).toEqual({
      peers: [{ '10.77.0.1': { name: 'BGP-10.77.0.1', gone: link('bgp/peers/10.77.0.1/gone') } }],
      up: link(''),
    })
  })

  test('names an unknown path', async () => {
    const { output, exitCode } = await lookingGlass('bgp', '0x10', 'a b')
    expect(output).toMatch(
      /^No such looking glass path: bgp 0x10 a b\n\(http:\/\/127\.0\.0\.1:\d+\/looking-glass\/bgp\/0x10\/a%20b\)\n$/,
    )
    expect(exitCode).toBe(1)
  })

  test('names the address when nothing answers', async () => {
    const { error } = await chanter('looking-glass', '--port', '2')
    expect(error).toBe(
      'no answer from http://127.0.0.1:2/looking-glass (connection refused): is the daemon running there? `chanter daemon` starts it',
    )
  })
})
