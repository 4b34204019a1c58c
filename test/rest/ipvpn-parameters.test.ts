import { describe, expect, test } from 'vitest'
import { api, attach, detach } from './parameters-setup.ts'

describe('an IP VPN', () => {
  const ipvpn = { vpn_type: 'ipvpn', vpn_instance_id: 'ip1' }

  test.each(['ip_address', 'gateway_ip'])('needs %s', async (name) => {
    const response = await attach({ ...ipvpn, [name]: undefined })
    expect(response.statusCode).toBe(400)
    expect(response.json().description).toBe(
      `API error: Missing parameter: '${name}': expected an IP address`,
    )
  })

  test('may be without gateway, which agents have null for', async () => {
    expect((await attach({ ...ipvpn, gateway_ip: null })).statusCode).toBe(200)
    const shown = await api.app.inject('/looking-glass/vpns/instances/ip1')
    expect(shown.json()).toMatchObject({ gateway_ip: null })
    expect((await detach({ ...ipvpn, gateway_ip: null })).statusCode).toBe(200)
  })

  test('attracts no traffic, and the answer explains how to attach without', async () => {
    const response = await attach({ ...ipvpn, attract_traffic: { to_rt: ['64512:1'] } })
    expect([response.statusCode, response.json().description]).toEqual([
      400,
      expect.stringMatching(/^API error: 'attract_traffic' cannot be granted, .*: leave it out/),
    ])
    expect(api.vpns.instances.size).toBe(0)
    for (const nothing of [null, {}])
      expect((await attach({ ...ipvpn, attract_traffic: nothing })).statusCode).toBe(200)
  })

  test('has a fallback that is shown and kept until another is set, and that Linux does not serve', async () => {
    const shown = async () => (await api.app.inject('/looking-glass/vpns/instances/ip1')).json().fallback
    const problems = async () => (await api.app.inject('/status')).json().problems
    const fallback = { dst_mac: 'fa:16:3e:00:00:99', src_mac: '00:00:5e:2a:10:00', ovs_port_number: 3 }
    expect((await attach(ipvpn)).statusCode).toBe(200)
    expect(await shown()).toBeNull()
    expect((await attach({ ...ipvpn, fallback })).statusCode).toBe(200)
    expect((await attach({ ...ipvpn, fallback: null })).statusCode).toBe(200)
    expect((await attach({ ...ipvpn, fallback: {} })).statusCode).toBe(200)
    expect(await shown()).toEqual(fallback)
    expect(api.vpns.snapshot().instances).toMatchObject([{ id: 'ip1', fallback }])
    expect(await problems()).toContainEqual(
      expect.stringMatching(/^ip1: fallback is not served by the linux driver/),
    )
  })

  test('is detached twice, and a third time, as agents do when a port is deleted', async () => {
    await attach(ipvpn)
    const other = { ...ipvpn, mac_address: '02:00:00:00:01:02', ip_address: '192.168.10.2/24' }
    await attach({ ...other, local_port: 'gp2' })
    for (let time = 0; time < 3; time++) expect((await detach(ipvpn)).statusCode).toBe(200)
    for (let time = 0; time < 2; time++) expect((await detach(other)).statusCode).toBe(200)
    expect(api.vpns.instances.size).toBe(0)
    expect((await detach(ipvpn)).statusCode).toBe(200)
    // what was never attached is a mistake
    expect((await detach({ ...ipvpn, ip_address: '192.168.10.3' })).statusCode).toBe(400)
    expect((await detach({ ...ipvpn, vpn_instance_id: 'ip2' })).statusCode).toBe(400)
  })

  describe('that advertises routes again', () => {
    const shown = async () => (await api.app.inject('/looking-glass/vpns/instances/ip1')).json()
    const TARGETS =
      'expected a list of route targets (asn:nn or a.b.c.d:nn), or one string with commas between them'

    test.each([
      ['lists', ['64512:1', '10.0.0.1:5'], ['64512:2'], ['target:64512:1', 'target:10.0.0.1:5']],
      ['strings with commas', '64512:1, 64512:3', '64512:2', ['target:64512:1', 'target:64512:3']],
    ])('takes its targets as %s, shows and keeps them', async (_form, from_rt, to_rt, from) => {
      const expected = { from, to: ['target:64512:2'] }
      expect((await attach({ ...ipvpn, readvertise: { from_rt, to_rt } })).statusCode).toBe(200)
      expect(await shown()).toMatchObject({
        readvertise: expected,
        readvertised: { href: expect.anything() },
      })
      expect((await shown()).internals.subscriptions).toContain(`match:ipv4/mpls-vpn,${from[1]}`)
      for (const readvertise of [undefined, null, {}]) {
        expect((await attach({ ...ipvpn, readvertise })).statusCode).toBe(200)
        expect((await shown()).readvertise).toEqual(expected)
      }
    })

    test.each([
      [{ from_rt: [], to_rt: [] }],
      [{ from_rt: [], to_rt: '64512:2' }],
      [{ from_rt: ['64512:1'], to_rt: '' }],
    ])('does no more by %j', async (readvertise) => {
      await attach({ ...ipvpn, readvertise: { from_rt: ['64512:1'], to_rt: ['64512:2'] } })
      expect((await attach({ ...ipvpn, readvertise })).statusCode).toBe(200)
      expect((await shown()).readvertise).toEqual({})
    })

    test.each([
      [7, "'readvertise' is 7: expected an object with route targets as"],
      [['64512:1'], `'readvertise' is ["64512:1"]: expected an object with route targets as`],
      [{ to_rt: ['64512:2'] }, `Missing parameter: 'readvertise.from_rt': ${TARGETS}`],
      [{ from_rt: '64512:1' }, `Missing parameter: 'readvertise.to_rt': ${TARGETS}`],
      [{ from_rt: ['x'], to_rt: [] }, `'readvertise.from_rt' is ["x"]: ${TARGETS}`],
      [{ from_rt: '', to_rt: { a: 1 } }, `'readvertise.to_rt' is {"a":1}: ${TARGETS}`],
    ])('refuses %j and stays as it was', async (readvertise, reason) => {
      await attach({ ...ipvpn, readvertise: { from_rt: ['64512:1'], to_rt: ['64512:2'] } })
      const before = await shown()
      const response = await attach({ ...ipvpn, readvertise, import_rt: [] })
      expect(response.statusCode).toBe(400)
      expect(response.json().description).toContain(`API error: ${reason}`)
      expect(await shown()).toEqual(before)
    })
  })

  describe('with an EVPN instance as its port', () => {
    const irb = (id: unknown) => ({
      ...ipvpn,
      vni: 0,
      local_port: { evpn: { id, ovs_port_name: 'x' }, ovs: {} },
    })

    test('is attached and detached', async () => {
      expect((await attach({})).statusCode).toBe(200)
      expect((await attach(irb('net1'))).statusCode).toBe(200)
      const shown = (await api.app.inject('/looking-glass/vpns/instances/ip1/ports')).json()
      expect(Object.values(shown)).toMatchObject([{ evpn: 'net1' }])
      expect((await detach({ ...ipvpn, local_port: {} })).statusCode).toBe(200)
      expect((await detach({})).statusCode).toBe(200)
    })

    test.each([
      ['an id', irb(undefined), `'local_port' is {"evpn":{"ovs_port_name":"x"},"ovs":{}}: expected `],
      [
        'an id that is text',
        irb(7),
        `'local_port' is {"evpn":{"id":7,"ovs_port_name":"x"},"ovs":{}}: expected `,
      ],
      [
        'the id of an EVPN instance that is there',
        irb('net9'),
        'evpn.id is "net9": expected the id of an EVPN instance',
      ],
      ['the id of an EVPN instance', irb('ip9'), 'evpn.id is "ip9": expected the id of an EVPN instance'],
      ['to be an IP VPN', { ...irb('net1'), vpn_type: 'evpn' }, 'local_port: only an ipvpn can be joined'],
    ])('needs %s', async (_what, body, reason) => {
      await attach({ ...ipvpn, vpn_instance_id: 'ip9' })
      const before = (await api.app.inject('/looking-glass/vpns/instances')).json()
      const response = await attach(body)
      expect(response.statusCode).toBe(400)
      expect(response.json().description).toContain(reason)
      expect((await api.app.inject('/looking-glass/vpns/instances')).json()).toEqual(before)
      await detach({ ...ipvpn, vpn_instance_id: 'ip9' })
    })
  })

  test('takes a gateway with the length of its prefix', async () => {
    expect((await attach({ ...ipvpn, gateway_ip: '192.168.10.254/24' })).statusCode).toBe(200)
    const shown = (await api.app.inject('/looking-glass/vpns/instances/ip1')).json()
    expect(shown).toMatchObject({ gateway_ip: '192.168.10.254', instance_type: 'VRF' })
  })
})
