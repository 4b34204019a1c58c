import { test } from 'vitest'
import { playHistories } from './histories.ts'
import { lateLab, memoryLab } from './memory-lab.ts'
import { evpn, ipVpn } from './worlds.ts'

const LIMIT_MS = 60_000 + 20 * Number(process.env['FUZZ_RUNS'] ?? 0)

test(
  'whatever happens, in the end the kernel holds what is wanted and nothing else of ours',
  async () => {
    await playHistories(evpn, memoryLab, 2000)
  },
  LIMIT_MS,
)

test(
  'so it is with IP VPNs',
  async () => {
    await playHistories(ipVpn, memoryLab, 2000)
  },
  LIMIT_MS,
)

test.each([
  ['EVPN', evpn],
  ['IP VPNs', ipVpn],
])(
  'so it is with a driver that answers late and loses its connection: %s',
  async (_vpn, world) => {
    await playHistories(world, () => lateLab(), 300)
  },
  LIMIT_MS,
)
