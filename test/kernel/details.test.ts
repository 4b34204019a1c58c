import { beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import { dataplane, everything, fdbOf, lab, untilAllHold, want } from './details-setup.ts'
import { iproute } from './iproute.ts'
import { run } from './namespace.ts'

describe('the actual state', () => {
  beforeEach(async () => {
    expect(await want(...everything)).toEqual([])
  })

  test('a bridge: up, without STP and forward delay, with an address of its own', () => {
    const { flags, ifalias, linkinfo } = iproute.link('br0') ?? {}
    expect(flags).toContain('UP')
    expect(ifalias).toBe('chanter:net1')
    expect(linkinfo).toMatchObject({ info_kind: 'bridge', info_data: { stp_state: 0, forward_delay: 0 } })
  })

  test('a VXLAN device: up, not learning', () => {
    const { flags, linkinfo, ifalias } = iproute.link('vx0') ?? {}
    expect(flags).toContain('UP')
    expect(ifalias).toBe('chanter:net1')
    expect(linkinfo?.info_data).toMatchObject({
      id: e.VNI,
      local: '192.0.2.1',
      port: 4789,
      learning: false,
      ttl: 0,
    })
    expect(linkinfo?.info_slave_data).toMatchObject({ learning: false, neigh_suppress: true })
  })

  test('an external port: in the bridge, and up', () => {
    const { flags, master, linkinfo } = iproute.link('tap1') ?? {}
    expect(master).toBe('br0')
    expect(flags).toContain('UP')
    expect(linkinfo?.info_slave_data).toMatchObject({ learning: true, neigh_suppress: false })
  })

  test('a remote MAC: both halves marked, the VNI only where it is not the device’s', () => {
    const mac = formatMac(e.mac(2))
    const bridged = { mac, master: 'br0', flags: ['extern_learn'], state: '' }
    expect(fdbOf('vx0', e.mac(2))).toEqual([
      bridged,
      { mac, dst: '192.0.2.2', flags: ['self', 'extern_learn'], state: 'static' },
    ])
    expect(fdbOf('vx0', e.mac(3))).toMatchObject([{ master: 'br0' }, { dst: '192.0.2.3', vni: 300 }])
  })

  test('a local MAC: marked, in the bridge only', () => {
    expect(fdbOf('tap1', e.mac(1))).toEqual([
      { mac: formatMac(e.mac(1)), master: 'br0', flags: ['extern_learn'], state: '' },
    ])
  })

  test('a flood entry: an all-zero MAC of the VXLAN device only', () => {
    expect(fdbOf('vx0', 0)).toEqual([
      { mac: '00:00:00:00:00:00', dst: '192.0.2.2', flags: ['self', 'extern_learn'], state: 'static' },
    ])
  })

  test('neighbours: marked, never asked for', () => {
    const extern = iproute.neighbours('br0').filter((entry) => entry.extern_learn === null)
    expect(extern.map(({ dst, lladdr, state }) => [dst, lladdr, ...state]).sort()).toEqual([
      ['10.0.0.2', formatMac(e.mac(2)), 'NOARP'],
      ['2001:db8::3', formatMac(e.mac(3)), 'NOARP'],
    ])
  })
})

test('a port with a lower address than the bridge changes neither its address nor its neighbours', async () => {
  await want(...everything)
  const address = iproute.link('br0')?.address
  const deletions = await lab.deletions()
  run('ip link add low0 address 00:00:00:00:00:01 type veth peer name low1')
  run('ip link set low0 master br0')
  expect(await deletions()).toEqual([])
  expect(iproute.link('br0')?.address).toBe(address)
  await untilAllHold()
})

describe('heals', () => {
  beforeEach(async () => {
    await want(...everything)
  })

  test.each([
    ['options of a port', 'bridge link set dev vx0 learning on neigh_suppress off'],
    ['STP', 'ip link set br0 type bridge stp_state 1'],
    ['learning of a VXLAN device', 'ip link set vx0 type vxlan learning'],
    ['the bridge going down and up, which drops all neighbours', 'ip link set br0 down'],
    ['the VXLAN device going down, which drops what is not static', 'ip link set vx0 down'],
    ['all neighbours flushed', 'ip neigh flush all nud noarp'],
    ['the alias of another instance of ours', 'ip link set vx0 alias chanter:other'],
    [
      'an entry of another controller, with the mark',
      `bridge fdb replace ${formatMac(e.mac(2))} dev vx0 dst 9.9.9.9 self extern_learn`,
    ],
    [
      'a MAC that another controller claims',
      `bridge fdb replace ${formatMac(e.mac(2))} dev tap1 master extern_learn`,
    ],
  ])('%s', async (_what, command) => {
    const { ifindex } = iproute.link('vx0') ?? {}
    run(command)
    await untilAllHold()
    expect(iproute.link('vx0')?.ifindex).toBe(ifindex)
  })

  test('all FDB entries flushed', async () => {
    try {
      run('bridge fdb flush dev vx0')
    } catch {
      // before 6.7 Linux does that in a bridge alone
      run('bridge fdb flush dev vx0 master')
    }
    await untilAllHold()
  })

  test('an external device that was renamed and named back', async () => {
    run('ip link set tap1 name other')
    await lab.until(() => dataplane.status(e.local(1)).state === 'failed')
    expect(dataplane.status(e.local(1)).reason).toBe('interface tap1 does not exist')
    run('ip link set other name tap1')
    await untilAllHold()
  })
})

describe('the words of the kernel', () => {
  test.each<[string, Entry, string]>([
    [
      'a port that cannot be one',
      { ...e.tapPort, device: 'br9' },
      'ELOOP: Can not enslave a bridge to a bridge',
    ],
    ['a VTEP of the wrong family', e.flood('2001:db8::2'), 'EAFNOSUPPORT'],
    [
      'a name that is too long',
      { ...e.bridge, device: 'a-very-long-bridge-name' },
      'ERANGE: Attribute failed policy validation',
    ],
  ])('%s', async (_what, entry, reason) => {
    await want(...e.network)
    lab.addBridge('br9')
    expect(await want(entry)).toEqual([[entry, expect.stringContaining(reason)]])
  })

  test('of one message in a batch concern only its entry', async () => {
    await want(...e.network)
    const bad = e.remote(500, '2001:db8::2')
    const good = Array.from({ length: 300 }, (_, i) => e.remote(1000 + i))
    const open = await want(...good.slice(0, 100), bad, ...good.slice(100))
    expect(open).toEqual([[bad, 'EAFNOSUPPORT']])
    for (const entry of [good[0], good[150], good[299]]) expect(entry && lab.holds(entry)).toBe(true)
  })
})

test('after a bulk, what others change with our mark is noticed again', async () => {
  await want(...e.network)
  const many = Array.from({ length: 5000 }, (_, i) => e.remote(1000 + i))
  expect(await want(...many)).toEqual([])
  const victim = e.remote(1234)
  run(`bridge fdb replace ${formatMac(victim.mac)} dev vx0 dst 9.9.9.9 self extern_learn`)
  expect(lab.holds(victim)).toBe(false)
  await lab.until(() => lab.holds(victim))
})

test('a bulk does not hide what others delete meanwhile', async () => {
  await want(...everything)
  const many = Array.from({ length: 20_000 }, (_, i) => e.remote(1000 + i))
  for (const entry of many) dataplane.want(entry)
  await new Promise((resolve) => setImmediate(resolve))
  expect(dataplane.statuses.counts().pending).toBeGreaterThan(10_000)
  lab.forget(e.remote(2))
  expect(await dataplane.settled(many)).toEqual([])
  await lab.until(() => lab.holds(e.remote(2)))
})
