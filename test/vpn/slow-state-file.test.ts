import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { DaemonEvent } from '../../src/events/event.ts'
import type { StateChange } from '../../src/vpn/state.ts'
import { StateFile } from '../../src/vpn/state-file.ts'
import { peekState } from '../../src/vpn/state-reader.ts'
import { temporaryFiles } from '../support/files.ts'
import { until } from '../support/until.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const PATIENCE_MS = 5000
const pending = (device: string): StateChange => ({
  kind: 'pending',
  id: device,
  value: [{ kind: 'mpls-interface', device }],
})

/** A state file whose write hangs until `goOn`, as on a disk that does not answer. */
function hanging() {
  const path = join(temporaryFiles({}), 'state')
  const fifo = `${path}.new`
  execFileSync('mkfifo', [fifo]) // opening it waits for a reader
  const clock = new VirtualClock()
  const events: DaemonEvent[] = []
  const file = new StateFile(path, clock, { emit: (event) => void events.push(event) })
  const readers: number[] = []
  const goOn = () => {
    readers.push(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK))
    rmSync(fifo)
  }
  onTestFinished(() => readers.forEach(closeSync))
  const changes: StateChange[] = []
  const save = (...more: StateChange[]) => {
    changes.push(...more)
    return file.save(() => changes.splice(0), 'synced')
  }
  const kept = () => peekState(path)?.pending.map(({ device }) => device) ?? []
  return { path, clock, events, file, goOn, save, kept }
}

test('a disk that does not answer is reported, and what waits for it goes on; all is kept when it answers', async () => {
  const { path, clock, events, file, goOn, save, kept } = hanging()
  const since = clock.epoch()
  const saves = [save({ kind: 'daemon', id: '', value: { kernel: '' } }), save(pending('eth1'))]
  clock.advance(PATIENCE_MS - 1)
  expect(file.health().failure).toBeNull()
  clock.advance(1)
  await Promise.all([...saves, save(pending('eth2'))])
  expect(file.health().failure).toEqual({ reason: 'the disk does not answer', since })
  expect(events).toEqual([{ type: 'state-not-kept', file: path, reason: 'the disk does not answer' }])

  goOn()
  await save(pending('eth3'))
  await until('all is kept', () => {
    clock.advance(1000)
    return kept().length === 3
  })
  await file.close()
  expect(file.health().failure).toBeNull()
  expect(events.at(-1)).toEqual({ type: 'state-kept-again', file: path })
})

test('a disk that does not answer holds up no end of the daemon, which reports that the latest changes are not kept', async () => {
  const { path, clock, events, file, goOn, save } = hanging()
  const [saved, closed] = [save(pending('eth1')), file.close()]
  clock.advance(PATIENCE_MS)
  await Promise.all([saved, closed])
  expect(events.at(-1)).toEqual({ type: 'state-incomplete', file: path })
  goOn()
})
