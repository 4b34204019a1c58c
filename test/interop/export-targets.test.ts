import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import { buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { attachmentOf, forwards, session } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const [RED, BLUE] = ['64512:10', '64512:20']
const VM2 = ['02:00:00:00:01:02 10.77.0.12', '00:00:00:00:00:00 10.77.0.12']

describe.each(['gobgp', 'chanter'] as const)('behind a reflector (%s)', (kind) => {
  let lab: Lab
  let network: TwoNodes
  let one: LabDaemon
  let two: LabDaemon

  /** Attaches the VM of a site with these route targets. */
  async function attachBy(
    daemon: LabDaemon,
    site: 0 | 1,
    imports: string[],
    exports: string[],
  ): Promise<void> {
    const targets = { import_rt: imports, export_rt: exports }
    const attachment = { ...attachmentOf(network.sites[site].vm), ...targets }
    expect(await request(daemon.api, '/attach_localport', attachment)).toMatchObject({ status: 200 })
  }

  beforeAll(async () => {
    lab = new Lab()
    network = await buildTwoNodes(lab)
    await startReflector(lab, network, kind)
    one = await startNode(lab, network, network.sites[0])
    two = await startNode(lab, network, network.sites[1])
    await session(lab, one, REFLECTOR, true)
    await session(lab, two, REFLECTOR, true)
  })

  afterAll(() => lab.close())

  test('a VM in two VPNs that leaves one of them is not reachable in it any more', async () => {
    await attachBy(one, 0, [RED], [RED])
    await attachBy(two, 1, [RED, BLUE], [RED, BLUE])
    await forwards(lab, one.host, VM2)
    await attachBy(two, 1, [RED, BLUE], [BLUE])
    await forwards(lab, one.host, [])
  })

  test('and comes back with the target', async () => {
    await attachBy(two, 1, [RED, BLUE], [RED, BLUE])
    await forwards(lab, one.host, VM2)
  })
})
