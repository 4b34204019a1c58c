import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../src/lab/eventually.ts'
import { isThisBoot, isThisKernel, kernelIdentity } from '../../src/linux/kernel.ts'
import type { StateChange } from '../../src/vpn/state.ts'
import { StateFile } from '../../src/vpn/state-file.ts'
import { noEvents } from '../support/events.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const inode = () => statSync('/proc/thread-self/ns/net').ino

test('a network namespace that has the inode of one that is gone is another one', async () => {
  const seen = new Map<number, string>()
  const former = await eventually('an inode serves again', async () => {
    seen.set(inode(), kernelIdentity())
    enterOwnNamespace()
    const one = seen.get(inode())
    return one === undefined ? { seen: `${seen.size} inodes` } : { value: one }
  })
  expect(isThisBoot(former)).toBe(true)
  expect(isThisKernel(former)).toBe(false)
  expect(isThisKernel(kernelIdentity())).toBe(true)
})

test('the network namespace in the state of an earlier version is recognized', () => {
  const [boot] = kernelIdentity().split('/')
  expect(isThisKernel(`${boot}/${inode()}`)).toBe(true)
  expect(isThisKernel(`${boot}/1`)).toBe(false)
  expect(isThisKernel(`another boot/${inode()}`)).toBe(false)
})

const KIB = 1024

test('a full disk is reported, and the earlier state is kept; when it has room, all is kept again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-full-'))
  run(`mount -t tmpfs -o size=${512 * KIB} tmpfs ${directory}`)
  onTestFinished(async () => {
    await file.close()
    run(`umount ${directory}`)
    rmSync(directory, { recursive: true })
  })
  const path = join(directory, 'state')
  const clock = new VirtualClock()
  const file = new StateFile(path, clock, noEvents)
  const save = (...changes: StateChange[]) => file.save(() => changes, 'synced')
  const pending = (device: string): StateChange => ({
    kind: 'pending',
    id: device.slice(0, 4),
    value: [{ kind: 'mpls-interface', device }],
  })
  const kept = () => {
    const { pending } = new StateFile(path, clock, noEvents).load()!
    return pending.map(({ device }) => device.slice(0, 4))
  }
  await save({ kind: 'daemon', id: '', value: { kernel: '' } }, pending('eth1'))
  writeFileSync(join(directory, 'filler'), Buffer.alloc(400 * KIB))

  // half of the record finds room
  await save(pending(`eth2${'x'.repeat(200 * KIB)}`))
  expect(file.health().failure?.reason).toMatch(/^ENOSPC/)
  expect(kept()).toEqual(['eth1'])
  clock.advance(5000)
  await save(pending('eth3'))
  expect(file.health().failure?.reason).toMatch(/^ENOSPC/)
  expect(kept()).toEqual(['eth1'])

  rmSync(join(directory, 'filler'))
  clock.advance(5000)
  await save(pending('eth4'))
  expect(file.health().failure).toBeNull()
  expect(kept()).toEqual(['eth1', 'eth2', 'eth3', 'eth4'])
})
