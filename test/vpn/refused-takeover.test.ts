import { expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { nameSuffix } from '../../src/vpn/linux/names.ts'
import { mac } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { clock, devicesOf, indexes, leave, leaveVrf, named, node, UUID, vrfOf } from './takeover-setup.ts'

/** Longer than a device that was found after convergence waits for its routes. */
const SWEPT_MS = 61_000
const SUFFIX = nameSuffix(UUID, () => false)
const IN_VRF = { instanceId: UUID, type: 'ipvpn', vni: null } as const
const SECOND = {
  port: 'tap2',
  mac: mac('02:00:00:00:01:02'),
  ip: parseInterfaceAddress('192.168.10.2/24')!,
} as const

/** The kernel refuses to set entries of that kind on that device, once. */
function refuse(kind: Entry['kind'], device: string): void {
  node.driver.fail(
    (op, entry) => op === 'set' && entry.kind === kind && entry.device === device,
    refusal('EBUSY', 'no'),
  )
}

/** Long after a refused attach, when all that nothing wants would have been swept. */
function muchLater(): void {
  node.reconciler.complete()
  clock.advance(2 * SWEPT_MS)
}

test.each([
  ['an id of its own', 'net1', 'net1', 'net1', true],
  ['a UUID', UUID, '3f2a9c1e', SUFFIX, true],
  ['a UUID where no link is renamed while it is up', UUID, '3f2a9c1e', '3f2a9c1e', false],
])(
  '%s: a refused first attach leaves the devices and their ports, and the next one adopts them',
  async (_, instanceId, left, suffix, renames) => {
    node.driver.renames = renames
    leave(left)
    node.plug('tap3')
    const before = indexes(`evpn---${left}`, `vxlan--${left}`)
    const names = [`evpn---${suffix}`, `vxlan--${suffix}`]
    refuse('port', 'tap3')
    await expect(node.attach({ instanceId, vni: null, port: 'tap3' })).rejects.toThrow('EBUSY')
    muchLater()
    expect(indexes(...names)).toEqual(before)
    for (const port of ['tap1', 'tap2', names[1]!]) expect(named(port)?.master).toBe(names[0])
    expect(named('tap3')?.master).toBe(null)
    expect(node.reconciler.verifier.orphans().map(({ name }) => name)).toEqual(names)
    await node.attach({ instanceId, vni: null })
    expect(devicesOf(instanceId)).toMatchObject({ bridge: names[0], vxlan: names[1] })
    expect(indexes(...names)[0]).toBe(before[0])
    expect(named(names[1]!)?.vni).toBe(100)
    expect(named('tap2')?.master).toBe(names[0])
    expect(node.isInStep).toBe(true)
    await node.detach({ instanceId })
    expect(indexes(...names)).toEqual([undefined, undefined])
  },
)
