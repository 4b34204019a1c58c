import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, type LabHost } from '../../src/lab/network.ts'
import { AS, buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { Flow, LONGEST_OUTAGE_MS, lossText, outageMs } from '../support/flow.ts'
import { monotonicMs } from '../support/flow-account.ts'
import { attach, detach, forwards, session } from '../support/interop.ts'
import { addPlace, type Place, resume } from '../support/mover.ts'

const REFLECTOR = '10.77.0.1'
const FLOOD = (node: number) => `00:00:00:00:00:00 10.77.0.1${node}`
const VM1 = '02:00:00:00:01:01'

let lab: Lab
let network: TwoNodes
let third: LabHost
/** The nodes that the VM is on by turns, the first and the third. */
let homes: (Place & { daemon: LabDaemon })[]
let two: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  third = await addNode(lab, network.reflector, 'node3', '10.77.0.13')
  await startReflector(lab, network, 'chanter')
  const BGP = { peers: REFLECTOR, my_as: AS }
  const one = await startNode(lab, network, network.sites[0])
  two = await startNode(lab, network, network.sites[1])
  const three = await startChanter(lab, third, { BGP })
  for (const daemon of [one, two, three]) await session(lab, daemon, REFLECTOR, true)
  const [{ vm }] = network.sites
  const [here, there] = await addPlace(vm, third)
  homes = [
    { daemon: one, ...here },
    { daemon: three, ...there },
  ]
  await attach(one, vm)
  await attach(two, network.sites[1].vm)
  await forwards(lab, two.host, [`${VM1} 10.77.0.11`, FLOOD(1)])
  const attachedAt = performance.now()
  await lab.eventually('the VM has been in its network for longer than news of it takes', async () => {
    const ms = performance.now() - attachedAt
    return ms > 11_000 ? { value: ms } : { seen: `${ms} ms` }
  })
})

afterAll(() => lab.close())

describe('a VM migrates while packets flow', () => {
  test.each([
    ['attached at its new place when it is there, then detached at the old one', 0, 1, 'overlap'],
    ['and back, detached before it is attached', 1, 0, 'gap'],
    ['and again, long before it is detached', 0, 1, 'late'],
  ] as const)('%s', async (what, from, to, order) => {
    const [old, next] = [homes[from]!, homes[to]!]
    const flow = await Flow.start(lab, network.sites[1].vm, network.sites[0].vm)
    if (order === 'gap') await detach(old.daemon, old.vm)
    await resume(lab, old, next)
    await attach(next.daemon, next.vm)
    const at = `${VM1} ${next.daemon.host.address}`
    await lab.eventually(`${two.host.name} sends to ${at}`, async () => {
      const entries = await lab.exec(two.host.namespace, 'bridge', 'fdb', 'show', 'dev', 'vxlan--net1')
      return entries.includes(`${VM1} dst ${next.daemon.host.address}`)
        ? { value: entries }
        : { seen: entries }
    })
    const followed = monotonicMs()
    // the late withdraw of the old place changes nothing
    if (order !== 'gap') await detach(old.daemon, old.vm)
    await forwards(lab, two.host, [at, FLOOD(to === 0 ? 1 : 3)])
    const { thereAndBack } = await flow.stop()
    console.log(`${what}: ${lossText(thereAndBack)}`)
    expect(thereAndBack.sent).toBeGreaterThan(thereAndBack.lost)
    expect(thereAndBack.losses.filter(({ fromMs }) => fromMs > followed)).toEqual([])
    expect(outageMs(thereAndBack)).toBeLessThan(LONGEST_OUTAGE_MS)
  })
})
