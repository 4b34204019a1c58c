import { expect, test } from 'vitest'
import * as e from '../dataplane/entries.ts'
import { dataplane, everything, fdbOf, lab, untilAllHold, want } from './details-setup.ts'
import { run } from './namespace.ts'

// A bridge of a kernel that knows VLANs puts its ports into one by default, and has each MAC address once more for it.

const halvesOf = (device: string, n: number) => fdbOf(device, e.mac(n)).length

test('a bridge of ours has a MAC address once', async () => {
  expect(await want(...everything)).toEqual([])
  expect([halvesOf('vx0', 2), halvesOf('tap1', 1)]).toEqual([2, 1])
})

test('so has one that an earlier version or bagpipe-bgp made, and it loses none', async () => {
  run('ip link add br0 type bridge')
  run('ip link set br0 alias chanter:net1 up')
  run('ip link set tap1 master br0')
  expect(await want(...everything)).toEqual([])
  await untilAllHold()
  expect([halvesOf('vx0', 2), halvesOf('tap1', 1)]).toEqual([2, 1])
})

test('so has one that another program gives VLANs', async () => {
  expect(await want(...everything)).toEqual([])
  run('ip link set br0 type bridge vlan_default_pvid 7')
  await lab.until(() => halvesOf('vx0', 2) === 2 && !run('bridge vlan show').includes(' 7 '))
  await dataplane.settled(everything)
  await untilAllHold()
})
