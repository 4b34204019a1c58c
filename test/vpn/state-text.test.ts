import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { encodeRecord } from '../../src/vpn/journal.ts'
import type { EvpnState, SavedState } from '../../src/vpn/state.ts'
import { readState, Unreadable } from '../../src/vpn/state-text.ts'
import { mac } from '../support/node.ts'
import { ip, rt } from '../support/speakers.ts'
import { decodeState, encodeState } from '../support/state.ts'
import { STATE } from './state-setup.ts'

const IP_STATE: SavedState = {
  ...STATE,
  instances: [
    {
      type: 'ipvpn',
      id: 'ip1',
      number: 4,
      rdNumber: 5,
      importTargets: [rt('64512:10')],
      exportTargets: [],
      gatewayIp: ip('192.168.10.254'),
      subnetPrefixLength: 24,
      description: null,
      attachments: [
        {
          ...STATE.instances[0]!.attachments[0]!,
          gatewayIp: ip('192.168.10.254'),
          hashOrder: 3,
          advertiseSubnet: true,
          rdNumber: 6,
        },
      ],
      readvertise: null,
      fallback: null,
    },
  ],
  pending: [
    { kind: 'vrf', device: 'bvrf-4', alias: 'chanter:ip1', table: 1004 },
    { kind: 'unreachable', device: 'bvrf-4', table: 1004, prefix: ip('0.0.0.0'), prefixLength: 0 },
    { kind: 'mpls-interface', device: 'eth1' },
    { kind: 'vrf-port', device: 'tap1', vrf: 'bvrf-4' },
    { kind: 'address', device: 'tap1', ip: ip('192.168.10.254'), prefixLength: 24 },
    { kind: 'fixed-neighbour', device: 'tap1', ip: ip('192.168.10.1'), mac: mac('02:00:00:00:01:01') },
    {
      kind: 'mpls',
      device: 'lo',
      label: 16,
      hops: [{ device: 'tap1', via: ip('192.168.10.1'), labels: [], weight: 1 }],
    },
  ],
}

const IRB_STATE: SavedState = {
  ...IP_STATE,
  instances: IP_STATE.instances.map((instance) => ({
    ...instance,
    attachments: instance.attachments.map((one) => ({
      ...one,
      port: 'vrf2e--x',
      irb: { evpn: 'net 1/ü', device: 'e2vrf--x' },
    })),
  })),
  pending: [
    {
      kind: 'veth',
      device: 'vrf2e--x',
      alias: 'chanter:ip1',
      peer: 'e2vrf--x',
      mac: mac('02:00:00:00:09:09'),
      mtu: null,
      local: ip('10.0.0.1'),
      underlay: 'eth0',
    },
  ],
}

const CONFINED_STATE: SavedState = {
  ...IP_STATE,
  instances: IP_STATE.instances.map((instance) => ({
    ...instance,
    attachments: instance.attachments.map((one) => ({ ...one, direction: 'to-port', confined: true })),
  })),
}

const READVERTISE_STATE: SavedState = {
  ...IRB_STATE,
  instances: IRB_STATE.instances.map((instance) => ({
    ...instance,
    readvertise: { from: [rt('64512:20')], to: [rt('64512:30'), rt('64512:31')] },
    fallback: null,
    attachments: instance.attachments.map((one) => ({ ...one, readvertiseRd: 7 })),
  })),
}

const NUMBERS_STATE: SavedState = {
  ...STATE,
  numbers: {
    labels: { next: 18, freed: [{ number: 17, use: 'Incoming traffic', at: 1_700_000_000_000 }] },
    vnis: { next: 16, freed: [{ number: 200, use: 'net2', at: 1_700_000_000_001 }] },
    rds: { next: 3, freed: [] },
  },
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('the text of a state', () => {
  test.each([STATE, IP_STATE, CONFINED_STATE, IRB_STATE, READVERTISE_STATE, NUMBERS_STATE])(
    'says everything',
    (state) => expect(decodeState(encodeState(state))).toEqual(state),
  )

  const { numbers } = NUMBERS_STATE
  test.each([
    [1, STATE],
    [2, { ...IRB_STATE, numbers }],
    [3, { ...READVERTISE_STATE, numbers }],
  ])('of version %i can be read by all later ones', (version, state) => {
    const text = readFileSync(new URL(`../../fixtures/state/version-${version}`, import.meta.url), 'utf8')
    expect(decodeState(text)).toEqual(state)
  })

  const version4 = readFileSync(new URL('../../fixtures/state/version-4', import.meta.url), 'utf8')
  test('of version 4 can be read by all later ones', () => {
    expect(decodeState(version4)).toEqual({ ...READVERTISE_STATE, numbers })
  })

  test('has the keys by which earlier daemons of version 4 read an attachment', () => {
    const attachments = (text: string): unknown[] =>
      text.split('\n').flatMap((line) => (line.includes('"attachment ') ? [JSON.parse(line.slice(9))] : []))
    expect(attachments(encodeState(READVERTISE_STATE))).toMatchObject(attachments(version4))
  })

  test('has the keys by which earlier daemons of version 4 know external devices', () => {
    const bridge = { kind: 'bridge', device: 'br-agent', external: true, alias: 'chanter:b' } as const
    const port = { kind: 'port', device: 'tap9', bridge: 'br-agent', external: true } as const
    const pending: Entry[] = [bridge, { ...port, learning: false, neighSuppress: false }]
    const devices = { bridge: 'br-agent', externalBridge: true, vxlan: 'vx-agent', externalVxlan: true }
    const [evpn] = STATE.instances as EvpnState[]
    const state = { ...STATE, instances: [{ ...evpn!, devices }], pending }
    const text = encodeState(state)
    expect(text).toMatch(/"givenBridge":true,.*"givenVxlan":true/)
    expect(text.match(/"given":true/g)).toHaveLength(2)
    expect(text).not.toContain('external')
    expect(decodeState(text)).toEqual(state)
  })

  test('cut anywhere, or with a bit turned anywhere, is refused', () => {
    const bytes = Buffer.from(encodeState(STATE))
    for (let at = 0; at < bytes.length; at++) {
      expect(() => decodeState(bytes.subarray(0, at).toString()), `cut at ${at}`).toThrow(Unreadable)
      const turned = Buffer.from(bytes)
      turned[at]! ^= 1
      // a header that counts fewer entries than there are makes records of the others
      const isCount = /^.*"entries":\d*$/s.test(bytes.subarray(0, at + 1).toString())
      if (!isCount) expect(() => decodeState(turned.toString()), `bit at ${at}`).toThrow(Unreadable)
    }
  })

  test.each([
    [
      '{"format":"chanter-state","version":99}\n',
      'a newer chanter wrote it, version 99, and this one reads up to 4',
    ],
    ['{"format":"chanter-state","version":4}\n', 'its version is 4, and its header is wrong'],
    ['', 'it is not a state file'],
    ['[1,2]\n', 'it is not a state file'],
    ['\u0000\u0000\u0000', 'it is not a state file'],
    [`{"format":"chanter-state","version":1,"sha256":"${sha256('no')}"}\nno\n`, 'it is no JSON'],
  ])('%j is refused by name', (text, reason) => {
    expect(() => decodeState(text)).toThrow(reason)
  })

  test('of entries that only a later daemon knows is read without them', () => {
    const text = encodeState(STATE)
    const later = `${text}${encodeRecord([['weather', '"fine"']])}`
    expect(readState(later)).toEqual({ state: STATE, torn: 0, damage: null })
  })
})
