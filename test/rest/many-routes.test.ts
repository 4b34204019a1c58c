import { setImmediate as round } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import { afterEach, expect, test, vi } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { Addresses } from '../../src/evpn/addresses.ts'
import type { MacVrfForwarding } from '../../src/evpn/forwarding.ts'
import { isMacRoute } from '../../src/evpn/select.ts'
import { threadMemory } from '../../src/linux/memory.ts'
import { jsonStream } from '../../src/rest/json-stream.ts'
import { showRoutes } from '../../src/rest/looking-glass/routes.ts'
import { formatMac } from '../../src/values/mac.ts'
import { TunnelEnds } from '../../src/values/tunnel-ends.ts'
import { testApi } from '../support/api.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'
import { idleSpeaker, ip, macRoute } from '../support/speakers.ts'

const COUNT = 20_000
const VTEP = ip('10.77.0.13')

afterEach(() => {
  vi.restoreAllMocks()
})

function speakerWithRoutes(): Speaker {
  const speaker = idleSpeaker(VTEP)
  const source = localSource('EVI-1')
  for (let i = 0; i < COUNT; i++)
    speaker.originate(source, EVPN, macRoute('10.77.0.13', formatMac(0x02_00_00_00_00_00 + i), null), {})
  return speaker
}

/** Octets in the old generation. */
function oldOctets(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size
}

test('an answer with many routes leaves nothing in the old generation', async () => {
  const { rib } = speakerWithRoutes()
  const read = async () => {
    for await (const _ of jsonStream(showRoutes(rib.best(EVPN), ''), { destroyed: false }));
  }
  const growths: number[] = []
  for (let i = 0; i < 4; i++) {
    const before = oldOctets()
    await read()
    growths.push(oldOctets() - before)
  }
  expect(Math.min(...growths)).toBeLessThan(COUNT * 50)
})

test('readers who have begun hold no copy of the table', () => {
  const forwarding = { removeRemoteMac() {} } as Partial<MacVrfForwarding> as MacVrfForwarding
  const addresses = new Addresses(VTEP, new TunnelEnds([], []), forwarding, () => 0)
  for (const route of speakerWithRoutes().rib.best(EVPN))
    if (isMacRoute(route)) addresses.learn(route, undefined)
  const memory = threadMemory()
  memory.collect()
  const before = process.memoryUsage().heapUsed
  const readers = Array.from({ length: 20 }, () => addresses.learned()[Symbol.iterator]())
  expect(readers.map((reader) => reader.next().done)).not.toContain(true)
  memory.collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(readers.length * COUNT)
  expect(readers.map((reader) => reader.next().done)).not.toContain(true)
})

test('endpoints of many ports are shown in turns, in which others are answered', async () => {
  const { app } = testApi()
  for (let i = 0; i < 60; i++) {
    const [mac, linuxif] = [formatMac(0x02_00_00_00_00_00 + i), `gp${i}`]
    const payload = {
      ...ATTACH_BODY,
      mac_address: mac,
      ip_address: `192.168.10.${i + 1}/24`,
      local_port: { linuxif },
    }
    expect((await app.inject({ method: 'POST', url: '/attach_localport', payload })).statusCode).toBe(200)
  }
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000))
  let [rounds, isDone] = [0, false]
  const counting = (async () => {
    for (; !isDone; rounds++) await round()
  })()
  const shown = (await app.inject('/looking-glass/vpns/instances/net1/ports')).json()
  isDone = true
  await counting
  expect(Object.keys(shown)).toHaveLength(60)
  expect(rounds).toBeGreaterThan(30)
})
