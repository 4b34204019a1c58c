import { expect, test } from 'vitest'
import { TestNode } from '../support/node.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const ONE = '10.77.0.11'
const TWO = '10.77.0.12'
const VM2 = '02:00:00:00:01:02'

test('a node that goes at once, behind a reflector without graceful restart, is shown and explained while it is kept', async () => {
  const clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const clients = [ONE, TWO].map((address) => peerConfig(address, { reflectorClient: true, passive: true }))
  speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  const [one, two] = [ONE, TWO].map((address) =>
    new TestNode(address, [peerConfig(RR)], clock, network, { vanishedSeconds: 20 }).withPorts('tap1'),
  ) as [TestNode, TestNode]
  const app = one.api()
  const get = async (url: string) => (await clock.while(app.inject(url))).json()
  await one.attach()
  await two.attach({ mac: 0x02_00_00_00_01_02, ip: null })
  clock.advance(20_000)
  const before = one.wanted().length
  expect(await get('/status')).toMatchObject({ ok: true, vanished: [] })
  two.speaker.stop('restart')
  clock.advance(1000)
  expect(one.wanted()).toHaveLength(before)
  expect(await get('/status')).toMatchObject({
    vanished: [{ instance: 'net1', node: TWO, routes: 2, seconds_left: 20 }],
  })
  const { instances } = await get(`/explain?address=${VM2}`)
  expect(instances[0].routes).toMatchObject([{ state: 'used', next_hop: TWO, stale: true }])
  const [flood] = (await get('/explain?address=ff:ff:ff:ff:ff:ff')).instances
  expect(flood.routes).toContainEqual(
    expect.objectContaining({ state: 'used', tunnel_end: TWO, stale: true }),
  )
  expect(flood.entries).toMatchObject([{ kind: 'flood', dst: TWO, state: 'programmed' }])
  clock.advance(20_000)
  expect(one.wanted()).toHaveLength(before - 2)
  expect(await get('/status')).toMatchObject({ vanished: [] })
})
