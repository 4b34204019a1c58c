import fc from 'fast-check'
import { expect } from 'vitest'
import { identity, isTableEntry, tableDefinition } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { refusal } from '../support/refusal.ts'
import type { LateLab, MemoryLab } from './memory-lab.ts'

/** What random histories are played on. */
export interface World {
  readonly entries: readonly Entry[]
  /** Devices of ours first; an external bridge may take the name of the first. */
  readonly devices: readonly string[]
  /** Whether the entry can be programmed, with the other desired entries and the existing interfaces. */
  isPossible(wanted: ReadonlyMap<string, Entry>, lab: MemoryLab, entry: Entry): boolean
}

const RESYNC_MS = 300_000
/** Longer than the longest wait for another try, and than a few comparisons without notifications. */
const SETTLING_MS = 5 * RESYNC_MS

/** Whether only a dump tells what the step has changed. Histories without such steps have none but those of starts: all else has to be known. */
function isBlinding(step: Step): boolean {
  if (step.do !== 'forget') return step.do === 'overrun' || step.do === 'restart deaf'
  return isTableEntry(step.entry) && tableDefinition(step.entry.kind).isLostSilently === true
}

type Step =
  | { readonly do: 'want' | 'unwant' | 'release' | 'forget' | 'overwrite'; readonly entry: Entry }
  | { readonly do: 'delete' | 'add' | 'free' | 'down' | 'up'; readonly device: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'fail' | 'overrun' | 'restart' | 'restart deaf' | 'complete' | 'squat' }
  | { readonly do: 'disconnect' | 'restart kernel' }

function stepsIn(world: World, isLate: boolean): fc.Arbitrary<Step> {
  const entry = fc.constantFrom(...world.entries)
  const device = fc.constantFrom(...world.devices)
  return fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant('want' as const), entry }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom('unwant' as const, 'release', 'forget', 'overwrite'),
        entry,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'add', 'free', 'down', 'up'), device }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('pass' as const),
        ms: fc.constantFrom(...(isLate ? [5, 20] : []), 0, 50, 500, 5000),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('fail' as const, 'overrun', 'restart', 'restart deaf', 'complete', 'squat'),
      }),
    },
    {
      weight: isLate ? 2 : 0,
      arbitrary: fc.record({ do: fc.constantFrom('disconnect' as const, 'restart kernel') }),
    },
  )
}

/** Whatever happens, in the end the kernel holds what is wanted and nothing else of ours. */
export async function playHistories(
  world: World,
  newLab: () => MemoryLab | LateLab,
  runs: number,
): Promise<void> {
  const { isPossible, devices } = world
  const isLate = 'late' in newLab()
  const [squatted = ''] = devices
  await fc.assert(
    fc.asyncProperty(fc.array(stepsIn(world, isLate), { minLength: 1, maxLength: 60 }), async (steps) => {
      const resyncMs = isLate || steps.some(isBlinding) ? RESYNC_MS : 0
      const lab = newLab()
      let dataplane = lab.restart()
      lab.addInterface('tap1')
      const wanted = new Map<string, Entry>()
      /** They may stay, until a start without them. */
      const released = new Set<string>()
      for (const each of steps) {
        const passing = run(each)
        if (passing !== undefined) await passing
      }

      dataplane.complete()
      if (resyncMs > 0) lab.driver.overrun()
      await lab.clock.run(SETTLING_MS)
      for (const each of wanted.values()) {
        const possible = isPossible(wanted, lab, each)
        if (possible) expect(lab.holds(each), JSON.stringify(each)).toBe(true)
        expect(dataplane.status(each).state, JSON.stringify(each)).toBe(possible ? 'programmed' : 'failed')
      }
      for (const name of devices) expectNothingElse(name)
      const { wanted: count, programmed, pending, failed } = dataplane.statuses.counts()
      expect(count).toBe(wanted.size)
      expect(programmed + failed).toBe(count)
      expect(pending).toBe(0)
      // a bridge with a port in it stays
      const occupied = [...dataplane.statuses.failures()].filter(
        ({ entry }) => !wanted.has(identity(entry)) && lab.driver.portsOf(entry.device).length > 0,
      )
      expect(dataplane.statuses.unremovedCount()).toBe(occupied.length)

      function expectNothingElse(name: string): void {
        if (lab.indexOf(name) === undefined || ![...wanted.values()].some((each) => each.device === name))
          return
        for (const { entry: held, marked } of [...lab.driver.dump(name)].flat()) {
          if (!marked || (held.kind === 'local-mac' && held.device === 'vx0')) continue
          const each = wanted.get(identity(held))
          if (each === undefined && released.has(identity(held))) continue
          expect(each, JSON.stringify(held)).toBeDefined()
          // what takes the place of another and is refused leaves it there
          if (each !== undefined && isPossible(wanted, lab, each)) expect(held).toEqual(each)
        }
      }

      function run(each: Step): Promise<void> | void {
        switch (each.do) {
          case 'want':
            wanted.set(identity(each.entry), each.entry)
            released.delete(identity(each.entry))
            return dataplane.want(each.entry)
          case 'unwant':
            wanted.delete(identity(each.entry))
            return dataplane.unwant(each.entry)
          case 'release':
            if (wanted.delete(identity(each.entry))) released.add(identity(each.entry))
            return dataplane.release(each.entry)
          case 'forget':
            return lab.forget(each.entry)
          case 'overwrite':
            if (isTableEntry(each.entry) && lab.indexOf(each.entry.device) !== undefined)
              attempt(() => lab.overwrite(each.entry))
            return
          case 'delete':
            return lab.deleteLink(each.device)
          case 'add':
            if (each.device.startsWith('tap') && lab.indexOf(each.device) === undefined)
              lab.addInterface(each.device)
            return
          case 'free':
            if (lab.indexOf(each.device) !== undefined) lab.enslave(each.device, null)
            return
          case 'down':
            if (lab.indexOf(each.device) !== undefined) lab.setDown(each.device)
            return
          case 'up':
            if (lab.indexOf(each.device) !== undefined) lab.setUp(each.device)
            return
          case 'pass':
            return isLate ? lab.clock.run(each.ms) : lab.clock.advance(each.ms)
          case 'fail':
            return lab.driver.fail(() => true, refusal('EBUSY', 'try later'), 2)
          case 'overrun':
            return lab.driver.overrun()
          case 'squat':
            if (lab.indexOf(squatted) === undefined) lab.addBridge(squatted)
            return
          case 'complete':
            return dataplane.complete()
          case 'disconnect':
            return late()?.disconnect()
          case 'restart kernel':
            return late()?.restartKernel()
          case 'restart':
          case 'restart deaf':
            dataplane = lab.restart({ deaf: each.do === 'restart deaf', resyncMs })
            for (const again of wanted.values()) dataplane.want(again)
        }
      }

      function late() {
        return 'late' in lab ? lab.late : undefined
      }

      function attempt(change: () => void): void {
        try {
          change()
        } catch {
          // what the kernel refuses did not happen
        }
      }
    }),
    { seed: Number(process.env['FUZZ_SEED'] ?? 1), numRuns: Number(process.env['FUZZ_RUNS'] ?? runs) },
  )
}
