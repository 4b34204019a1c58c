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
import type { Durability, SavedState, StateChange } from '../../src/vpn/state.ts'
import { StateFile } from '../../src/vpn/state-file.ts'
import { peekState } from '../../src/vpn/state-reader.ts'
import { logged } from '../support/events.ts'
import { mac } from '../support/node.ts'
import { changesOf, encodeState } from '../support/state.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { STATE } from './state-setup.ts'

/** With a second attachment, so that there is something to come and go. */
const attached = (port: string): StateChange => {
  const [{ id, attachments }] = STATE.instances as [SavedState['instances'][0]]
  const value = { ...attachments[0]!, mac: mac('02:00:00:00:01:02'), port, instance: id }
  return { kind: 'attachment', id: `02:00:00:00:01:02 2001:db8::1 ${id}`, value }
}
const detached: StateChange = { ...attached(''), value: undefined } as StateChange
const ports = ({ instances }: SavedState) =>
  instances.flatMap(({ attachments }) => attachments.map((one) => one.port))

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

  test('damaged where no file can be renamed is read all the same, and reported', async () => {
    const file = open()
    await file.save(take('1'), 'synced')
    await save(file, attached('tap2'))
    // a directory where the damaged file should be is as good as a read-only disk
    mkdirSync(`${path}.damaged`)
    appendFileSync(path, 'garbage\n')
    expect(ports(open().load()!)).toEqual(['tap1', 'tap2'])
    await open().save(take('2'), 'synced')
    writeFileSync(path, 'garbage')
    expect(ports(open().load()!)).toEqual(['tap1', 'tap2'])
    expect(lines.map(([facts, message]) => [message, (facts as { aside?: unknown }).aside])).toEqual([
      ['state file damaged; restored up to the damage', null],
      ['state file cannot be used', null],
      ['state file damaged; restored up to the damage', null],
      ['older state restored', undefined],
    ])
  })

  test('that someone removed is not replaced by the previous one', async () => {
    await open().save(take('1'), 'synced')
    await open().save(take('2'), 'synced')
    rmSync(path)
    expect(files()).toEqual(['state.previous'])
    expect(open().load()).toBeNull()
    expect(lines).toEqual([])
  })

  test('that was damaged is replaced by the previous one at each start, until there is a new one', async () => {
    await open().save(take('1'), 'synced')
    await open().save(take('2'), 'synced')
    writeFileSync(path, 'garbage')
    for (let starts = 0; starts < 3; starts++) expect(open().load()).toEqual(stateOf('1'))
    const file = open()
    file.load()
    await file.save(take('3'), 'synced')
    expect(open().load()).toEqual(stateOf('3'))
    expect(files()).toEqual(['state', 'state.damaged'])
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
