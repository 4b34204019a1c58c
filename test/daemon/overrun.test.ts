import { expect, test } from 'vitest'
import { areReplaced } from '../../src/daemon/overrun.ts'

const MADE = [{ name: 'bvrf-1', kind: 'vrf', vni: null, table: 1001 }] as const
const unmarked = { kind: 'vrf', alias: null }

test('VRFs of bagpipe-bgp have replaced those that were made', () => {
  expect(areReplaced(MADE, [unmarked], false)).toBe(true)
  expect(areReplaced(MADE, [unmarked, { kind: 'vrf', alias: 'chanter:red' }], false)).toBe(false)
})

test('VRFs that have lost their aliases have not been replaced, as the blackhole VRF is still there', () => {
  expect(areReplaced(MADE, [unmarked], true)).toBe(false)
})
