import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChangedState } from '../../src/vpn/changed-state.ts'
import { encodeRecord } from '../../src/vpn/journal.ts'
import type { Durability, SavedState, StateChange } from '../../src/vpn/state.ts'
import { peekState, StateFile } from '../../src/vpn/state-file.ts'
import { readState, Unreadable } from '../../src/vpn/state-text.ts'
import { logged } from '../support/events.ts'
import { mac } from '../support/node.ts'
import { ip, rt } from '../support/speakers.ts'
import { changesOf, decodeState, encodeState } from '../support/state.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const STATE: SavedState = {
  kernel: 'a boot/4026531840',
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

const PLUG_STATE: SavedState = {
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

const READVERTISE_STATE: SavedState = {
  ...PLUG_STATE,
  instances: PLUG_STATE.instances.map((instance) => ({
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

/** With a second attachment, so that there is something to come and go. */
const attached = (port: string): StateChange => {
  const [{ id, attachments }] = STATE.instances as [SavedState['instances'][0]]
  const value = { ...attachments[0]!, mac: mac('02:00:00:00:01:02'), port, instance: id }
  return { kind: 'attachment', id: `02:00:00:00:01:02 2001:db8::1 ${id}`, value }
}
const detached: StateChange = { ...attached(''), value: undefined } as StateChange
const ports = ({ instances }: SavedState) =>
  instances.flatMap(({ attachments }) => attachments.map((one) => one.port))

describe('the text of a state', () => {
  test.each([STATE, IP_STATE, PLUG_STATE, READVERTISE_STATE, NUMBERS_STATE])('says everything', (state) =>
    expect(decodeState(encodeState(state))).toEqual(state),
  )

  const { numbers } = NUMBERS_STATE
  test.each([
    [1, STATE],
    [2, { ...PLUG_STATE, numbers }],
    [3, { ...READVERTISE_STATE, numbers }],
  ])('of version %i can be read by all later ones', (version, state) => {
    const text = readFileSync(new URL(`../../fixtures/state/version-${version}`, import.meta.url), 'utf8')
    expect(decodeState(text)).toEqual(state)
  })

  test('of version 4 can be read by all later ones', () => {
    const text = readFileSync(new URL('../../fixtures/state/version-4', import.meta.url), 'utf8')
    expect(decodeState(text)).toEqual({ ...READVERTISE_STATE, numbers })
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

describe('the file', () => {
  let directory: string
  let path: string
  let clock: VirtualClock
  const lines: [object, string][] = []
  const keep = ({ part: _, ...facts }: { readonly part?: string }, message: string) =>
    lines.push([facts, message])
  const log = {
    isLevelEnabled: () => true,
    warn: keep,
    error: keep,
  }
  const opened: StateFile[] = []
  const open = () => {
    const file = new StateFile(path, clock, logged(log as unknown as Logger, clock))
    opened.push(file)
    return file
  }
  const stateOf = (kernel: string): SavedState => ({ ...STATE, kernel })
  const take = (kernel: string) => () => changesOf(stateOf(kernel))
  const save = (file: StateFile, ...changes: StateChange[]) => file.save(() => changes, 'synced')
  const files = () => readdirSync(join(directory, 'sub')).sort()

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'chanter-state-'))
    path = join(directory, 'sub', 'state')
    clock = new VirtualClock()
    lines.length = 0
  })
  afterEach(async () => {
    for (const file of opened.splice(0)) await file.close()
    rmSync(directory, { recursive: true })
  })

  test('is absent at first, then holds what was saved last, each change as one line more', async () => {
    expect(open().load()).toBeNull()
    const file = open()
    await file.save(take('1'), 'synced')
    const first = readFileSync(path, 'utf8')
    await save(file, attached('tap2'))
    await save(file, attached('tap3'))
    await save(file, attached('tap3'))
    const now = readFileSync(path, 'utf8')
    expect(now.startsWith(first)).toBe(true)
    expect(now.slice(first.length).match(/\n/g)).toHaveLength(2)
    expect(ports(open().load()!)).toEqual(['tap1', 'tap3'])
    await save(file, detached)
    expect(open().load()).toEqual(stateOf('1'))
    expect(files()).toEqual(['state'])
  })

  test('begins anew at each start, and takes over what an earlier version wrote', async () => {
    mkdirSync(join(directory, 'sub'))
    const old = readFileSync(new URL('../../fixtures/state/version-1', import.meta.url), 'utf8')
    writeFileSync(path, old)
    const file = open()
    expect(file.load()).toEqual(STATE)
    await file.save(() => changesOf(STATE), 'synced')
    expect(readFileSync(`${path}.previous`, 'utf8')).toBe(old)
    expect(readFileSync(path, 'utf8')).toBe(encodeState(STATE))
    expect(open().load()).toEqual(STATE)
    expect(lines).toEqual([])
  })

  test('many saves at once are few writes, and each waits for one that began after it', async () => {
    let taken = 0
    const file = open()
    const takeNext = () => changesOf(stateOf(`${++taken}`))
    const durabilities: Durability[] = ['written', 'synced']
    await Promise.all(Array.from({ length: 100 }, (_, i) => file.save(takeNext, durabilities[i % 2]!)))
    expect(taken).toBe(2)
    expect(open().load()?.kernel).toBe('2')
  })

  test('is written anew when it has grown, and is no longer than twice its entries and a mebibyte', async () => {
    const file = open()
    await file.save(take('1'), 'synced')
    const description = 'x'.repeat(100_000)
    let longest = 0
    for (let i = 0; i < 40; i++) {
      const [value] = STATE.instances as [SavedState['instances'][0]]
      await save(file, {
        kind: 'instance',
        id: value.id,
        value: { ...value, description: `${description}${i}` } as never,
      })
      longest = Math.max(longest, readFileSync(path).length)
    }
    expect(longest).toBeGreaterThan(1 << 20)
    expect(longest).toBeLessThan(1.5 * (1 << 20))
    expect(open().load()?.instances[0]?.description).toBe(`${description}39`)
    expect(files()).toEqual(['state', 'state.previous'])
  })

  test('whose last record is torn, at whatever octet, is read up to it, and reports that', async () => {
    const file = open()
    await file.save(take('1'), 'synced')
    await save(file, attached('täp2'))
    const before = readFileSync(path)
    await save(file, attached('täp3'))
    const all = readFileSync(path)
    for (let length = before.length; length < all.length; length++) {
      writeFileSync(path, all.subarray(0, length))
      expect(ports(open().load()!), `${length} octets`).toEqual(['tap1', 'täp2'])
    }
    expect(lines).toHaveLength(all.length - before.length - 1)
    expect(lines[0]).toEqual([
      { file: path, octets: expect.any(Number) },
      'last record of the state file is torn; ignored',
    ])
    const next = open()
    next.load()
    await next.save(take('1'), 'synced')
    expect(readFileSync(path, 'utf8')).toBe(encodeState(stateOf('1')))
  })

  test('damaged in a record is read up to it, and kept as it is', async () => {
    const file = open()
    await file.save(take('1'), 'synced')
    const start = readFileSync(path).length
    for (const port of ['tap2', 'tap3', 'tap4']) await save(file, attached(port))
    const text = readFileSync(path, 'utf8')
    for (const [damaged, port] of [
      [text.replace('tap3', 'tapX'), 'tap2'],
      [text.replace('tap4', 'tapX'), 'tap3'],
      [`${text}\n`, 'tap4'],
      [`${text}garbage\n`, 'tap4'],
    ] as const) {
      writeFileSync(path, damaged)
      expect(ports(open().load()!)).toEqual(['tap1', port])
      expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(damaged)
      expect(lines.at(-1)?.[0]).toMatchObject({ file: path, aside: `${path}.damaged` })
    }
    expect(start).toBeLessThan(text.length)
  })

  test.each([
    [
      'cut in the entries that it began with',
      (text: string) => text.slice(0, 200),
      'ends before all of its 4 entries',
    ],
    [
      'that is no journal',
      () => '{"format":"chanter-state","version":4,"entries":1}\n\n',
      'checksum of record 1',
    ],
    ['that is no JSON', () => 'garbage', 'it is not a state file'],
  ])('%s is renamed, and the previous one is used', async (_, damage, reason) => {
    const file = open()
    await file.save(take('1'), 'synced')
    await open().save(take('2'), 'synced')
    const text = damage(readFileSync(path, 'utf8'))
    writeFileSync(path, text)
    expect(open().load()).toEqual(stateOf('1'))
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(text)
    expect(lines[0]).toEqual([
      { file: path, reason: expect.stringContaining(reason), aside: `${path}.damaged` },
      'state file cannot be used',
    ])
  })

  test('of a newer daemon is renamed, and no older one is restored: it is from before the upgrade', async () => {
    await open().save(take('1'), 'synced')
    await open().save(take('2'), 'synced')
    const newer = '{"format":"chanter-state","version":99,"entries":0}\n'
    writeFileSync(path, newer)
    expect(open().load()).toBeNull()
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(newer)
    expect(lines).toEqual([
      [
        {
          file: path,
          reason: expect.stringContaining('agents have to attach again'),
          aside: `${path}.damaged`,
        },
        'state file cannot be used',
      ],
    ])
  })

  test('that cannot be written is reported by name, keeps its content, and is complete again later', async () => {
    const file = open()
    // a directory where the new file should be is as good as a full disk
    mkdirSync(`${path}.new`, { recursive: true })
    writeFileSync(path, encodeState(stateOf('1')))
    expect(file.load()).toEqual(stateOf('1'))
    await file.save(take('2'), 'synced')
    expect(file.health().failure?.reason).toContain('EISDIR')
    expect(open().load()).toEqual(stateOf('1'))
    rmSync(`${path}.new`, { recursive: true })
    await save(file, attached('tap2'))
    clock.advance(5000)
    await save(file, attached('tap3'))
    const state = open().load()!
    expect([state.kernel, ports(state)]).toEqual(['2', ['tap1', 'tap3']])
    expect(file.health().failure).toBeNull()
    expect(files()).toEqual(['state'])
  })

  test('leaves out an entry that JSON cannot represent, by name, and keeps the others', async () => {
    const file = open()
    await file.save(take('1'), 'synced')
    let description: unknown = null
    for (let depth = 0; depth < 100_000; depth++) description = [description]
    const deep = attached('tap2')
    await save(
      file,
      { ...deep, value: { ...(deep.value as object), description } } as StateChange,
      {
        kind: 'next',
        id: 'labels',
        value: 17,
      },
      ...(['vnis', 'rds'] as const).map((id): StateChange => ({ kind: 'next', id, value: 1 })),
    )
    expect(file.health().failure).toBeNull()
    expect(file.health().unkept).toEqual([
      {
        entry: 'attachment 02:00:00:00:01:02 2001:db8::1 net 1/ü',
        reason: expect.stringContaining('call stack'),
      },
    ])
    const state = open().load()!
    expect(ports(state)).toEqual(['tap1'])
    expect(state.numbers?.labels.next).toBe(17)
    expect(lines).toEqual([
      [
        {
          file: path,
          entry: 'attachment 02:00:00:00:01:02 2001:db8::1 net 1/ü',
          reason: expect.stringContaining('call stack'),
        },
        'state entry cannot be written; the others are',
      ],
    ])
  })

  test('is kept but for an entry that fails when it is written, until that does not', async () => {
    const file = open()
    const changes = new ChangedState(new Map())
    let isBroken = true
    const touch = () =>
      changes.touch('next', 'labels', () => {
        if (isBroken) throw new Error('a bug')
        return 17
      })
    touch()
    for (const id of ['vnis', 'rds']) changes.touch('next', id, () => 7)
    await file.save(() => [...take('1')(), ...changes.take()], 'synced')
    expect(file.health()).toMatchObject({
      failure: null,
      unkept: [{ entry: 'next labels', reason: 'a bug' }],
    })
    expect(readFileSync(path, 'utf8')).toContain('next vnis')
    isBroken = false
    touch()
    await file.save(() => changes.take(), 'synced')
    expect(file.health().unkept).toEqual([])
    expect(open().load()!.numbers).toMatchObject({ labels: { next: 17 }, vnis: { next: 7 } })
  })

  test('that cannot be read at all stops the daemon with its name', () => {
    mkdirSync(path, { recursive: true })
    expect(() => open().load()).toThrow(path)
  })

  test('is read without a change', async () => {
    expect(peekState(path)).toBeNull()
    await open().save(take('1'), 'synced')
    appendFileSync(path, 'torn')
    const text = readFileSync(path, 'utf8')
    expect(peekState(path)).toEqual(stateOf('1'))
    expect([files(), readFileSync(path, 'utf8')]).toEqual([['state'], text])
  })
})
