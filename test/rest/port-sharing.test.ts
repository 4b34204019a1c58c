import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { DaemonEvent } from '../../src/events/event.ts'
import { TestNode } from '../support/node.ts'
import { dummyDrivers } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** A VPN instance, as an agent names it in its requests. */
const vpn = (type: 'evpn' | 'ipvpn', name: string, target: string) => ({
  vpn_instance_id: name,
  vpn_type: type,
  import_rt: [target],
  export_rt: [target],
  ...(type === 'evpn' ? { vni: 100 } : {}),
})
const NETWORK = vpn('evpn', 'network', '64512:100')
const RED = vpn('ipvpn', 'red', '64512:200')
const GREEN = vpn('ipvpn', 'green', '64512:300')
const ENDPOINT = {
  mac_address: '02:00:00:00:01:01',
  ip_address: '192.168.10.1/24',
  gateway_ip: '192.168.10.254',
  local_port: { linuxif: 'tap1' },
}

/** Another address of the same VM. */
const ENDPOINT6 = { ...ENDPOINT, ip_address: '2001:db8::1/64', gateway_ip: '2001:db8::ff' }

/** The API of a node with one kind of driver for both types. */
function apiOf(name: 'linux' | 'dummy') {
  const clock = new VirtualClock()
  const events: DaemonEvent[] = []
  const sink = { emit: (event: DaemonEvent) => void events.push(event) }
  const drivers = { evpn: name, ipvpn: name }
  const node = new TestNode('10.77.0.11', [], clock, new VirtualNetwork(clock), {}, { drivers }, sink)
  node.withPorts('tap1', 'mpls0')
  const [evpn, ipvpn] = [dummyDrivers.evpn, dummyDrivers.ipvpn].map((one) => ({ ...one, name }))
  const app: FastifyInstance = node.api({ drivers: { evpn: evpn!, ipvpn: ipvpn! } })
  const get = async (url: string) => (await clock.while(app.inject(url))).json()
  const ask = async (what: 'attach' | 'detach', instance: object, endpoint = ENDPOINT) => {
    const payload = { ...instance, ...endpoint }
    const request = app.inject({ method: 'POST', url: `/${what}_localport`, payload })
    const { statusCode, body } = await clock.while(request)
    clock.advance(10)
    expect([statusCode, body]).toEqual([200, 'null'])
  }
  return {
    receiveOnly: async () => (await get('/status')).receive_only,
    attach: (instance: object, endpoint = ENDPOINT) => ask('attach', instance, endpoint),
    detach: (instance: object, endpoint = ENDPOINT) => ask('detach', instance, endpoint),
    /** What the looking glass shows of an instance's endpoints. */
    shown: async ({ vpn_instance_id: id }: typeof RED) => {
      const ports: Record<string, { endpoints: { ip_address: string; direction: string }[] }> = await get(
        `/looking-glass/vpns/instances/${id}/ports`,
      )
      return Object.entries(ports).flatMap(([port, { endpoints }]) =>
        endpoints.map((one) => `${port.replace(/--.*/, '')} ${one.ip_address} ${one.direction}`),
      )
    },
    status: async () => {
      const { ok, problems, instances, entries } = await get('/status')
      return { ok, problems, instances, failed: entries.failed, pending: entries.pending }
    },
    warnings: () => events.filter(({ type }) => type === 'port-shared'),
  }
}

const WELL = { ok: true, problems: [], instances: { count: 2, endpoints: 2 }, failed: 0, pending: 0 }
const FULL = ['tap1 192.168.10.1/24 both']

test.each([
  ['linux', ['vrf2e 192.168.10.1/24 both']],
  ['dummy', FULL],
] as const)(
  'a port in an EVPN and an IP VPN of one network is a full member of both (%s)',
  async (driver, inVrf) => {
    const api = apiOf(driver)
    for (let times = 0; times < 2; times++) {
      await api.attach(NETWORK)
      await api.attach(RED)
      expect([await api.shown(NETWORK), await api.shown(RED)]).toEqual([FULL, inVrf])
      expect(await api.status()).toEqual(WELL)
    }
    expect(api.warnings()).toEqual([])
    for (let times = 0; times < 2; times++) for (const one of [NETWORK, RED]) await api.detach(one)
    expect((await api.status()).instances).toEqual({ count: 0, endpoints: 0 })
  },
)

describe('a port in two IP VPNs', () => {
  test('is in the VRF of the first, and receives from the second, with one warning (linux)', async () => {
    const api = apiOf('linux')
    for (let times = 0; times < 2; times++) {
      await api.attach(RED)
      await api.attach(GREEN)
      expect([await api.shown(RED), await api.shown(GREEN)]).toEqual([FULL, ['tap1 192.168.10.1/24 to-port']])
      expect(await api.status()).toEqual(WELL)
    }
    expect(api.warnings()).toEqual([{ type: 'port-shared', instance: 'green', port: 'tap1', holder: 'red' }])
    expect(await api.receiveOnly()).toEqual({
      count: 1,
      ports: [{ local_port: 'tap1', vpn_instance_id: 'green', sends_into: 'red' }],
    })
  })

  test('is a full member of the second once the first is detached and the second attached again (linux)', async () => {
    const api = apiOf('linux')
    await api.attach(RED)
    await api.attach(GREEN)
    await api.detach(RED)
    await api.attach(GREEN)
    expect(await api.shown(GREEN)).toEqual(FULL)
    expect(await api.receiveOnly()).toEqual({ count: 0, ports: [] })
    expect(await api.status()).toEqual({ ...WELL, instances: { count: 1, endpoints: 1 } })
  })

  test('is a full member of the second with all its addresses, old and new (linux)', async () => {
    const api = apiOf('linux')
    for (const one of [RED, GREEN])
      for (const endpoint of [ENDPOINT, ENDPOINT6]) await api.attach(one, endpoint)
    for (const endpoint of [ENDPOINT, ENDPOINT6]) await api.detach(RED, endpoint)
    const third = { ...ENDPOINT, ip_address: '192.168.10.2/24' }
    for (const endpoint of [ENDPOINT, ENDPOINT6, third]) await api.attach(GREEN, endpoint)
    expect(await api.shown(GREEN)).toEqual([
      'tap1 192.168.10.1/24 both',
      'tap1 2001:db8::1/64 both',
      'tap1 192.168.10.2/24 both',
    ])
    expect(await api.status()).toEqual({ ...WELL, instances: { count: 1, endpoints: 3 } })
  })

  test('is a problem once the first is detached, until the second is attached again (linux)', async () => {
    const api = apiOf('linux')
    await api.attach(RED)
    await api.attach(GREEN)
    await api.detach(RED)
    expect(await api.receiveOnly()).toEqual({
      count: 1,
      ports: [{ local_port: 'tap1', vpn_instance_id: 'green', sends_into: null }],
    })
    expect((await api.status()).problems).toEqual([
      'tap1 in green: what it sends is dropped, since the IP VPN that had it is detached: attach all its addresses again',
    ])
    await api.attach(GREEN)
    expect((await api.status()).problems).toEqual([])
  })

  test('may not send from an address that an agent attached to-port (linux)', async () => {
    const api = apiOf('linux')
    await api.attach(RED)
    await api.attach({ ...GREEN, direction: 'to-port' }, ENDPOINT6)
    await api.attach(GREEN)
    await api.detach(RED)
    await expect(api.attach(GREEN)).rejects.toThrow()
    expect(await api.shown(GREEN)).toEqual(['tap1 2001:db8::1/64 to-port', 'tap1 192.168.10.1/24 to-port'])
  })
})
