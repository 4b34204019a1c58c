import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { DaemonEvent } from '../../src/events/event.ts'
import type { StateChange } from '../../src/vpn/state.ts'
import { StateFile } from '../../src/vpn/state-file.ts'
import { peekState } from '../../src/vpn/state-reader.ts'
import { temporaryFiles } from '../support/files.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const CHECK_MS = 10_000
const RETRY_MS = 5000

let path: string
let clock: VirtualClock
let file: StateFile
const events: DaemonEvent[] = []
const pending = (device: string): StateChange => ({
  kind: 'pending',
  id: device,
  value: [{ kind: 'mpls-interface', device }],
})
const save = (...changes: StateChange[]) => file.save(() => changes, 'synced')
const kept = () => peekState(path)?.pending.map(({ device }) => device)

beforeEach(async () => {
  path = join(temporaryFiles({}), 'sub', 'state')
  clock = new VirtualClock()
  events.length = 0
  file = new StateFile(path, clock, { emit: (event) => void events.push(event) })
  onTestFinished(() => file.close())
  await save({ kind: 'daemon', id: '', value: { kernel: '' } }, pending('eth1'))
  await save(pending('eth2'))
})

const CHANGES: readonly (readonly [string, () => void])[] = [
  ['removed', () => rmSync(path)],
  ['removed with its directory', () => rmSync(dirname(path), { recursive: true })],
  ['renamed', () => renameSync(path, `${path}.backup`)],
  ['moved with its directory', () => renameSync(dirname(path), `${dirname(path)}.moved`)],
  [
    'replaced by another one',
    () => {
      rmSync(path)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, 'another')
    },
  ],
  ['emptied', () => writeFileSync(path, '')],
  ['appended to', () => appendFileSync(path, 'more')],
]

test.each(CHANGES)('a state file that was %s is written anew with the next change', async (_, change) => {
  change()
  await save(pending('eth3'))
  expect(kept()).toEqual(['eth1', 'eth2', 'eth3'])
  expect(events).toEqual([{ type: 'state-changed', file: path }])
  expect(file.health().failure).toBeNull()
})

test.each(CHANGES)('a state file that was %s is written anew without a change', async (_, change) => {
  change()
  clock.advance(CHECK_MS)
  await file.close()
  expect(kept()).toEqual(['eth1', 'eth2'])
  expect(file.health().written).toBe(clock.epoch())
})

test('a state file that cannot be written anew is a failure, as long as that lasts', async () => {
  rmSync(dirname(path), { recursive: true })
  writeFileSync(dirname(path), 'no directory')
  clock.advance(CHECK_MS)
  await save()
  expect(file.health().failure?.reason).toMatch(/^ENOTDIR|^EEXIST/)
  rmSync(dirname(path))
  clock.advance(RETRY_MS)
  await save()
  expect(file.health().failure).toBeNull()
  expect(kept()).toEqual(['eth1', 'eth2'])
})

test('a state file that could not be written is written at the end, if it can be by then', async () => {
  rmSync(dirname(path), { recursive: true })
  writeFileSync(dirname(path), 'no directory')
  await save(pending('eth3'))
  expect(file.health().failure).not.toBeNull()
  rmSync(dirname(path))
  await file.close()
  expect(kept()).toEqual(['eth1', 'eth2', 'eth3'])
})

test('a state file that is as it was is left alone', async () => {
  const { written } = file.health()
  for (let i = 0; i < 3; i++) {
    clock.advance(CHECK_MS)
    await save()
  }
  expect(events).toEqual([])
  expect(file.health().written).toBe(written)
})
