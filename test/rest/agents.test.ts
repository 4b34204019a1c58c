import { readdirSync, readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { VPNV4 } from '../../src/bgp/family.ts'
import { formatPrefix } from '../../src/bgp/nlri/prefix.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { testApi } from '../support/api.ts'

interface Sent {
  readonly action: 'attach_localport' | 'detach_localport'
  readonly body: Readonly<Record<string, unknown>>
}

const BODIES = new URL('../../fixtures/agents/ovs/', import.meta.url)

/** What the OVS agent of networking-bagpipe sent to bagpipe-bgp, in its order; some of it bagpipe-bgp answered by 500. */
function sent(): Sent[] {
  return readdirSync(BODIES)
    .sort()
    .flatMap((file) => readFileSync(new URL(file, BODIES), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line) as Sent)
}

/** What `bagpipe-rest-attach --ovs-preplug` sends, beside the port. */
const ATTACH_OF_TOOL = {
  vpn_instance_id: 'ipvpn-bagpipe-test',
  vpn_type: 'ipvpn',
  import_rt: ['64512:512'],
  export_rt: ['64512:512'],
  mac_address: '52:54:00:99:99:22',
  ip_address: '192.168.10.1/24',
  gateway_ip: '192.168.10.254',
}

const post = (app: ReturnType<typeof testApi>['app'], { action, body }: Sent) =>
  app.inject({ method: 'POST', url: `/${action}`, payload: JSON.stringify(body) })

/**
 * Without the EVPN mechanism of networking-bagpipe, the Linux bridge agent's BGPVPN extension names the bridge of a network as the port of its endpoints in
 * an IP VPN.
 */
describe('a bridge as the port of an IP VPN', () => {
  const ipvpn = {
    vpn_instance_id: 'vrf1',
    vpn_type: 'ipvpn',
    import_rt: ['64512:10'],
    export_rt: ['64512:10'],
    mac_address: '02:00:00:00:01:01',
    ip_address: '192.168.10.1/24',
    gateway_ip: '192.168.10.254',
    local_port: { linuxif: 'brq1' },
  }
  const evpn = { ...ipvpn, vpn_instance_id: 'net1', vpn_type: 'evpn' }
  let api: ReturnType<typeof testApi>

  beforeEach(() => {
    api = testApi('linux')
    api.driver.kernel.addLink('brq1', { kind: 'bridge', up: true })
  })

  const ask = async (what: 'attach' | 'detach', body: object) => {
    const { statusCode, body: text } = await post(api.app, { action: `${what}_localport`, body: { ...body } })
    return [statusCode, text === 'null' ? null : JSON.parse(text).description]
  }
  const masterOfBridge = () => api.driver.kernel.links.get('brq1')?.master

  test('is in its VRF, with all endpoints behind it, and leaves it with the last', async () => {
    const other = { ...ipvpn, mac_address: '02:00:00:00:01:02', ip_address: '192.168.10.2/24' }
    for (const one of [ipvpn, other, ipvpn]) expect(await ask('attach', one)).toEqual([200, null])
    expect(masterOfBridge()).toBe('bvrf-1')
    expect([...api.speaker.rib.ownRoutes(VPNV4)]).toHaveLength(2)
    for (const one of [ipvpn, other]) expect(await ask('detach', one)).toEqual([200, null])
    await vi.waitFor(() => expect(masterOfBridge()).toBe(null))
  })

  test('is that of the EVPN instance, where there is one', async () => {
    const port = { local_port: { linuxif: 'gp1' }, linuxbr: 'brq1' }
    expect(await ask('attach', { ...evpn, ...port })).toEqual([200, null])
    expect(await ask('attach', ipvpn)).toEqual([200, null])
    expect(masterOfBridge()).toBe(null)
  })

  test('is refused for the bridge of another EVPN instance afterwards', async () => {
    await ask('attach', ipvpn)
    const port = { local_port: { linuxif: 'gp1' }, linuxbr: 'brq1' }
    expect(await ask('attach', { ...evpn, ...port })).toEqual([
      400,
      'linuxbr: brq1 is the port of VPN instance vrf1: detach it there first',
    ])
  })

  test('is refused where it has an address of the node, which would be lost', async () => {
    const { kernel } = api.driver
    const own = parseInterfaceAddress('203.0.113.5/24')!
    kernel.holders.set(own.ip, 'brq1')
    kernel.setAddresses([own])
    expect(await ask('attach', ipvpn)).toEqual([
      400,
      'local_port: brq1 has an address of this node, 203.0.113.5: expected a bridge for VMs alone',
    ])
    expect(masterOfBridge()).toBe(null)
  })

  test('is no port of an EVPN instance', async () => {
    expect(await ask('attach', evpn)).toEqual([
      400,
      expect.stringContaining('local_port: brq1 is a bridge: expected'),
    ])
  })
})

describe('requests of an OVS agent', () => {
  test('the dummy driver answers by 200, each of it, and at the end nothing is left', async () => {
    const { app, vpns, reconciler, speaker } = testApi('dummy')
    const most = new Set<string>()
    for (const one of sent()) {
      const { statusCode, body } = await post(app, one)
      expect([statusCode, body], JSON.stringify(one)).toEqual([200, 'null'])
      expect(reconciler.statuses.counts(), JSON.stringify(one)).toMatchObject({ failed: 0 })
      for (const { nlri } of speaker.rib.ownRoutes(VPNV4)) most.add(formatPrefix(nlri as never))
    }
    expect([...most].sort()).toEqual([
      '192.168.10.11/32',
      '192.168.10.12/32',
      '192.168.90.99/32',
      '40.0.0.0/24',
      '60.0.0.1/32',
    ])
    expect([...vpns.instances.keys()]).toEqual([])
  })

  test('the Linux drivers refuse, with the reason', async () => {
    const { app, vpns } = testApi('linux')
    const local_port = { linuxif: 'gp1', ovs: { port_name: 'gp1', plugged: true } }
    const ofTool = { action: 'attach_localport', body: { ...ATTACH_OF_TOOL, local_port } } as const
    expect((await post(app, ofTool)).json().description).toContain('a port of Open vSwitch')
    for (const one of sent().filter(({ action }) => action === 'attach_localport')) {
      const { statusCode, body } = await post(app, one)
      expect([statusCode, body]).toEqual([400, expect.stringContaining('a port of Open vSwitch')])
    }
    expect(vpns.instances.size).toBe(0)
  })
})
