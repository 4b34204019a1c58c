import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { attach, detach, forwards, ping, remoteEntries, session } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const VM2 = ['00:00:00:00:00:00 10.77.0.12', '02:00:00:00:01:02 10.77.0.12']
/** From SIGUSR2 on no set gives up a member, so that the next withdrawn route breaks an invariant of the RIB. */
const CORRUPTION = "process.on('SIGUSR2', () => { Set.prototype.delete = () => false })"

let lab: Lab
let network: TwoNodes
let two: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  await startReflector(lab, network, 'chanter')
  two = await startNode(lab, network, network.sites[1])
})

afterAll(() => lab.close())

test('a daemon whose RIB is corrupt ends with a fatal line, the kernel forwards, and the next daemon adopts everything', async () => {
  const [{ host, vm }, other] = network.sites
  const hook = join(lab.directory, 'corruption.mjs')
  writeFileSync(hook, CORRUPTION)
  const BGP = { peers: REFLECTOR, my_as: AS }
  const one = await startChanter(lab, host, { BGP }, ['env', `NODE_OPTIONS=--import=${hook}`])
  for (const daemon of [one, two]) await session(lab, daemon, REFLECTOR, true)
  await attach(one, vm)
  await attach(two, other.vm)
  await forwards(lab, host, VM2)

  process.kill(one.process.pid!, 'SIGUSR2')
  await detach(two, other.vm)
  await eventually('the daemon ends', async () => {
    const { failure } = one.process
    return failure === undefined ? { seen: one.process.tail(3) } : { value: failure }
  })
  expect(await one.process.stop()).toBe(1)
  const [fatal = ''] = one.process
    .tail(100)
    .split('\n')
    .filter((line) => line.includes('"fatal"'))
  expect(JSON.parse(fatal)).toMatchObject({
    msg: 'internal error: the process ends, forwarding goes on; start it again, and report the stack',
    err: { type: 'BrokenInvariant', stack: expect.stringContaining('at ') },
  })
  expect(await remoteEntries(host)).toEqual(VM2)

  await attach(two, other.vm)
  const next = await startNode(lab, network, network.sites[0])
  await session(lab, next, REFLECTOR, true)
  await forwards(lab, host, VM2)
  await ping(lab, vm, other.vm)
})
