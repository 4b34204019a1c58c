import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeState, encodeState, type State, Unreadable } from '../../src/vpn/state.ts'
import { StateFile } from '../../src/vpn/state-file.ts'
import { mac } from '../support/node.ts'
import { ip, rt, silent } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const STATE: State = {
  kernel: 'a boot/4026531840',
  ping: '123',
  instances: [
    {
      type: 'evpn',
      id: 'net 1/ü',
      number: 3,
      rdNumber: 2,
      vni: 100,
      vniGiven: true,
      suffix: 'x1',
      devices: { bridge: 'evpn---x1', givenBridge: false, vxlan: 'vxlan--x1', givenVxlan: false },
      importTargets: [rt('64512:10'), rt('10.0.0.1:5')],
      exportTargets: [rt('4200000000:7')],
      gatewayIp: ip('192.168.10.254'),
      subnetPrefixLength: 24,
      description: { any: ['json', null] },
      attachments: [
        {
          mac: mac('02:00:00:00:01:01'),
          ip: ip('2001:db8::1'),
          prefixLength: 64,
          port: 'tap1',
          plug: null,
          direction: 'both',
          localPref: 0,
          label: 16,
          sticky: false,
          gatewayIp: null,
          hashOrder: 0,
          advertiseSubnet: false,
          rdNumber: null,
          readvertiseRd: null,
          sequence: 4,
          description: null,
        },
      ],
    },
  ],
  footprint: [
    { kind: 'bridge', device: 'evpn---b', given: false, alias: 'chanter:b' },
    {
      kind: 'vxlan',
      device: 'vxlan--b',
      alias: 'chanter:b',
      vni: 7,
      local: ip('10.0.0.1'),
      port: 4789,
      mtu: null,
      underlay: null,
    },
    { kind: 'port', device: 'tap9', bridge: 'evpn---b', given: false, learning: false, neighSuppress: false },
    { kind: 'local-mac', device: 'tap9', mac: mac('02:00:00:00:09:09') },
  ],
}

const IP_STATE: State = {
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
    },
  ],
  footprint: [
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

const PLUG_STATE: State = {
  ...IP_STATE,
  instances: IP_STATE.instances.map((instance) => ({
    ...instance,
    attachments: instance.attachments.map((one) => ({
      ...one,
      port: 'vrf2e--x',
      plug: { evpn: 'net 1/ü', device: 'e2vrf--x' },
    })),
  })),
  footprint: [
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

const READVERTISE_STATE: State = {
  ...PLUG_STATE,
  instances: PLUG_STATE.instances.map((instance) => ({
    ...instance,
    readvertise: { from: [rt('64512:20')], to: [rt('64512:30'), rt('64512:31')] },
    attachments: instance.attachments.map((one) => ({ ...one, readvertiseRd: 7 })),
  })),
}

const NUMBERS_STATE: State = {
  ...STATE,
  numbers: {
    labels: { next: 18, freed: [{ number: 17, use: 'Incoming traffic', at: 1_700_000_000_000 }] },
    vnis: { next: 16, freed: [{ number: 200, use: 'net2', at: 1_700_000_000_001 }] },
    rds: { next: 3, freed: [] },
  },
}

describe('the text of a state', () => {
  test('is of the third version where something is announced again, for older daemons would not', () => {
    expect(JSON.parse(encodeState(READVERTISE_STATE).split('\n')[0]!).version).toBe(3)
  })

  test('of an earlier version tells of nothing that is announced again', () => {
    const [, body = ''] = encodeState(PLUG_STATE).split('\n')
    const former = body.replace(',"readvertise":null', '').replace(',"readvertiseRd":null', '')
    expect(former.length).toBeLessThan(body.length - 30)
    const sha256 = createHash('sha256').update(former).digest('hex')
    const text = `${JSON.stringify({ format: 'chanter-state', version: 2, sha256 })}\n${former}\n`
    expect(decodeState(text)).toEqual(PLUG_STATE)
  })

  test('is of the second version where somebody is plugged in, for older daemons would not see the plug', () => {
    const versionOf = (state: State) => JSON.parse(encodeState(state).split('\n')[0]!).version
    expect([STATE, IP_STATE, PLUG_STATE].map(versionOf)).toEqual([1, 1, 2])
    expect(versionOf({ ...IP_STATE, footprint: PLUG_STATE.footprint })).toBe(2)
  })

  test('is of the same version where it tells of freed numbers, which older daemons pass over', () => {
    const [head = '', body = ''] = encodeState(NUMBERS_STATE).split('\n')
    expect(JSON.parse(head).version).toBe(1)
    const more = body.replace('"numbers":', '"of a later daemon":')
    const sha256 = createHash('sha256').update(more).digest('hex')
    const text = `${JSON.stringify({ format: 'chanter-state', version: 1, sha256 })}\n${more}\n`
    expect(decodeState(text)).toEqual(STATE)
  })

  test.each([STATE, IP_STATE, PLUG_STATE, READVERTISE_STATE, NUMBERS_STATE])('says everything', (state) =>
    expect(decodeState(encodeState(state))).toEqual(state),
  )

  test('of the first version can be read by all later ones', () => {
    const text = readFileSync(new URL('../../fixtures/state/version-1', import.meta.url), 'utf8')
    expect(decodeState(text)).toEqual(STATE)
  })

  test('cut anywhere, or with a bit turned anywhere, is refused', () => {
    const bytes = Buffer.from(encodeState(STATE))
    for (let at = 0; at < bytes.length - 1; at++) {
      expect(() => decodeState(bytes.subarray(0, at).toString()), `cut at ${at}`).toThrow(Unreadable)
      const turned = Buffer.from(bytes)
      turned[at]! ^= 1
      // the line break behind the state is nobody's business
      if (turned.toString() !== bytes.toString())
        expect(() => decodeState(turned.toString()), `bit at ${at}`).toThrow(Unreadable)
    }
  })

  test('of a newer version is refused by name', () => {
    const [, body] = encodeState(STATE).split('\n')
    const text = `{"format":"chanter-state","version":99,"sha256":""}\n${body}\n`
    expect(() => decodeState(text)).toThrow('its version is 99, this daemon reads up to 3')
  })
})

describe('the file', () => {
  let directory: string
  let path: string
  let clock: VirtualClock
  const open = () => new StateFile(path, clock, silent)
  const pinged = (ping: string) => (): State => ({ ...STATE, ping })

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'chanter-state-'))
    path = join(directory, 'sub', 'state')
    clock = new VirtualClock()
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('is absent at first, then holds what was saved last', async () => {
    expect(open().load()).toBeNull()
    const file = open()
    await file.save(pinged('1'))
    await file.save(pinged('2'))
    expect(open().load()).toEqual({ state: pinged('2')(), outdated: false })
    expect(readdirSync(join(directory, 'sub')).sort()).toEqual(['state', 'state.previous'])
  })

  test('many saves at once are few writes, and each waits for one that began after it', async () => {
    let taken = 0
    const file = open()
    const take = () => pinged(`${++taken}`)()
    await Promise.all(Array.from({ length: 100 }, () => file.save(take)))
    expect(taken).toBe(2)
    expect(open().load()?.state.ping).toBe('2')
  })

  test('torn, it is set aside and the one before takes its place, with agents told to say everything again', async () => {
    const file = open()
    await file.save(pinged('1'))
    await file.save(pinged('2'))
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.slice(0, 200))
    expect(open().load()).toEqual({ state: pinged('1')(), outdated: true })
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(text.slice(0, 200))
  })

  test('that cannot be written says so by its name, keeps what it had, and is whole again later', async () => {
    const file = open()
    await file.save(pinged('1'))
    // a directory where the new file should be is as good as a full disk
    mkdirSync(`${path}.new`)
    await file.save(pinged('2'))
    expect(open().load()).toEqual({ state: pinged('1')(), outdated: true })
    rmSync(`${path}.new`, { recursive: true })
    clock.advance(5000)
    await file.save(pinged('3'))
    expect(open().load()).toEqual({ state: pinged('3')(), outdated: false })
    expect(existsSync(`${path}.outdated`)).toBe(false)
  })

  test('that cannot be read at all stops the daemon with its name', () => {
    mkdirSync(path, { recursive: true })
    expect(() => open().load()).toThrow(path)
  })
})
