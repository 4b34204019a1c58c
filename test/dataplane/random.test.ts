import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isOurs } from '../../src/dataplane/driver.ts'
import { isTableEntry } from '../../src/dataplane/layout.ts'
import { type Entry, identity } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'
import { type MemoryLab, memoryLab } from './memory-lab.ts'

const ENTRIES: readonly Entry[] = [
  e.bridge,
  { ...e.bridge, given: true },
  e.vxlan,
  { ...e.vxlan, mtu: 9000 },
  { ...e.vxlan, vni: 200 },
  e.vxlanPort,
  e.tapPort,
  { ...e.tapPort, learning: false },
  { ...e.tapPort, given: true },
  { ...e.tapPort, device: 'tap2' },
  e.local(1),
  e.local(2),
  e.local(9, 'tap2'),
  e.remote(3),
  e.remote(3, '192.0.2.3'),
  e.remote(4, '192.0.2.3', 300),
  e.flood('192.0.2.2'),
  e.flood('192.0.2.3', 300),
  e.neighbour('10.0.0.3', 3),
  e.neighbour('10.0.0.3', 4),
  e.neighbour('2001:db8::3', 3),
  e.neighbour('2001:db8::3', 3, true),
]

type Step =
  | { readonly do: 'want' | 'unwant' | 'forget' | 'overwrite'; readonly entry: Entry }
  | { readonly do: 'delete' | 'add' | 'free' | 'down'; readonly device: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'fail' | 'overrun' | 'restart' | 'complete' | 'squat' }

const entry = fc.constantFrom(...ENTRIES)
const device = fc.constantFrom('br0', 'vx0', 'tap1', 'tap2')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('want' as const), entry }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('unwant' as const, 'forget', 'overwrite'), entry }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'add', 'free', 'down'), device }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 50, 500, 5000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('fail' as const, 'overrun', 'restart', 'complete', 'squat') }),
  },
)

/** Whether the entry can be in place, with what else is wanted and the interfaces that exist. */
function isPossible(wanted: ReadonlyMap<string, Entry>, lab: MemoryLab, each: Entry): boolean {
  const there = lab.driver.link(each.device)
  const link = wanted.get(`link ${each.device}`)
  const usable = link?.kind === 'bridge' && link.given && there?.kind === 'bridge'
  const taken = there !== undefined && link !== undefined && !isOurs(there) && !usable
  if (taken || each.kind === 'bridge' || each.kind === 'vxlan') return !taken
  const port = wanted.get(`port ${each.device}`)
  if (there === undefined || (port?.kind === 'port' && lab.driver.link(port.bridge)?.kind !== 'bridge'))
    return false
  if (each.kind === 'local-mac') return there.master !== null
  return true
}

test('whatever happens, in the end the kernel holds what is wanted and nothing else of ours', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const lab = memoryLab()
      let dataplane = lab.restart()
      lab.addInterface('tap1')
      const wanted = new Map<string, Entry>()
      for (const each of steps) run(each)

      dataplane.complete()
      lab.driver.overrun() // what was unwanted while nobody listened is only found by looking
      lab.clock.advance(600_000)
      for (const each of wanted.values()) {
        const possible = isPossible(wanted, lab, each)
        if (possible) expect(lab.holds(each), JSON.stringify(each)).toBe(true)
        expect(dataplane.status(each).state, JSON.stringify(each)).toBe(possible ? 'applied' : 'failed')
      }
      for (const name of ['br0', 'vx0', 'tap1', 'tap2']) expectNothingElse(name)
      const { wanted: count, applied, pending, failed } = dataplane.counts()
      expect(count).toBe(wanted.size)
      expect(applied + failed).toBe(count)
      expect(pending).toBe(0)

      function expectNothingElse(name: string): void {
        if (lab.indexOf(name) === undefined || ![...wanted.values()].some((each) => each.device === name))
          return
        for (const { entry: held, marked } of [...lab.driver.observe(name)].flat()) {
          if (!marked || (held.kind === 'local-mac' && held.device === 'vx0')) continue
          const each = wanted.get(identity(held))
          expect(each, JSON.stringify(held)).toBeDefined()
          if (isPossible(wanted, lab, held)) expect(held).toEqual(each)
        }
      }

      function run(each: Step): void {
        switch (each.do) {
          case 'want':
            wanted.set(identity(each.entry), each.entry)
            return dataplane.want(each.entry)
          case 'unwant':
            wanted.delete(identity(each.entry))
            return dataplane.unwant(each.entry)
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
          case 'pass':
            return lab.clock.advance(each.ms)
          case 'fail':
            return lab.driver.fail(() => true, 'EBUSY: try later', 2)
          case 'overrun':
            return lab.driver.overrun()
          case 'squat':
            if (lab.indexOf('br0') === undefined) lab.addBridge('br0')
            return
          case 'complete':
            return dataplane.complete()
          case 'restart':
            dataplane = lab.restart()
            for (const again of wanted.values()) dataplane.want(again)
        }
      }

      function attempt(change: () => void): void {
        try {
          change()
        } catch {
          // what the kernel refuses did not happen
        }
      }
    }),
    { seed: Number(process.env['FUZZ_SEED'] ?? 1), numRuns: Number(process.env['FUZZ_RUNS'] ?? 2000) },
  )
}, 60_000)
