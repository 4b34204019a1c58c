import { expect, test } from 'vitest'
import type { Dataplane } from '../../src/dataplane/model.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { attachRequest, mac, TestNode } from '../support/node.ts'
import { peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** What a question and its answer take, in milliseconds: far more than all else. */
const ROUND_TRIP_MS = 10_000

type Commands = 'want' | 'unwant' | 'release' | 'clear' | 'watchNextHop' | 'unwatchNextHop' | 'watchAddresses'

/** All that the dataplane is asked. */
const QUESTIONS: Readonly<Record<Exclude<keyof Dataplane, Commands>, true>> = {
  survey: true,
  staleDevices: true,
  interfaceNamed: true,
  vrfOf: true,
  vrfLeftWith: true,
  vxlansOn: true,
  isVniTaken: true,
  isolationOf: true,
  vxlanIn: true,
  isLabelTaken: true,
  isTableTaken: true,
  settled: true,
  gone: true,
  rename: true,
}

const clock = new VirtualClock()
const node = new TestNode('10.77.0.11', [peerConfig('10.77.0.12')], clock, new VirtualNetwork(clock))
node.withPorts('tap1', 'tap2', 'tap3')

for (const name of Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]) {
  const ask = node.reconciler[name].bind(node.reconciler) as (...words: unknown[]) => unknown
  Object.assign(node.reconciler, {
    [name]: (...words: unknown[]) =>
      new Promise((resolve) => {
        const answer = ask(...words)
        clock.after(ROUND_TRIP_MS, () => resolve(answer))
      }),
  })
}

/** How many answers an attach waits for, one after the other. */
async function roundTrips(request: AttachRequest): Promise<number> {
  const start = clock.now()
  let took = 0
  const done = node.vpns.attach(request).then(() => {
    took = clock.now() - start
  })
  await clock.run(20 * ROUND_TRIP_MS)
  await done
  return Math.floor(took / ROUND_TRIP_MS)
}

test('an attach asks at once all that it can', async () => {
  // about the port and the bridge; about names; for its entries to be programmed
  expect(await roundTrips(attachRequest({ port: 'tap1' }))).toBe(3)
  // its network is there
  const next = { port: 'tap2', mac: mac('02:00:00:00:01:02'), ip: parseInterfaceAddress('192.168.10.2/24')! }
  expect(await roundTrips(attachRequest(next))).toBe(2)
  // about its VNI too
  const other = { ...next, instanceId: 'net2', port: 'tap3', vni: null }
  expect(await roundTrips(attachRequest(other))).toBe(4)
})
