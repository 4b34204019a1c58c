import type { FastifyInstance } from 'fastify'
import { beforeEach } from 'vitest'
import { TestNode } from '../support/node.ts'
import { peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

export const OURS = '10.77.0.11'
export const THEIRS = '10.77.0.12'

export let clock: VirtualClock
export let one: TestNode
export let two: TestNode
let app: FastifyInstance
export let began: number

beforeEach(async () => {
  clock = new VirtualClock()
  began = clock.epoch()
  const network = new VirtualNetwork(clock)
  one = new TestNode(OURS, [peerConfig(THEIRS)], clock, network, { headlessSeconds: 600 }).withPorts(
    'tap1',
    'tap2',
  )
  two = new TestNode(THEIRS, [peerConfig(OURS)], clock, network).withPorts('tap1', 'tap2')
  app = one.api()
})

/** Has `get` ask another API. */
export function serve(api: FastifyInstance): void {
  app = api
}

export const attachHere = () => one.attach()
export const attachThere = () => two.attach({ mac: 0x02_00_00_00_01_02, ip: null })

export async function get(url: string, method: 'GET' | 'POST' = 'GET') {
  return (await clock.while(app.inject({ method, url }))).json()
}

export async function settled() {
  await attachHere()
  await attachThere()
  clock.advance(20_000)
}
