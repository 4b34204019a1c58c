import { beforeEach, describe, expect, test } from 'vitest'
import { setXdp } from '../../src/dataplane/linux/encode.ts'
import { dropFrames } from '../../src/dataplane/linux/programs.ts'
import { Requests } from '../../src/dataplane/linux/requests.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import { loadProgram, type Program } from '../../src/linux/bpf/program.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import { labFixture } from '../dataplane/fixture.ts'
import { BROADCAST, ethernet, linkLocal, packetFrame, routerAdvertisement } from '../support/frames.ts'
import { Socket } from '../support/sockets.ts'
import { iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const t = labFixture(linuxLab, () => {
  run('ip link add tap1 type veth peer name vm1')
  run('ip link set vm1 up')
})

const own: Entry[] = [...e.network, e.local(1), e.remote(2)]
const external: Entry[] = [
  { ...e.bridge, external: true },
  e.vxlan,
  e.vxlanPort,
  { ...e.tapPort, external: true },
  e.local(1),
  e.remote(2),
]

function portOf(name: string): Record<string, unknown> {
  return iproute.link(name)?.linkinfo?.info_slave_data ?? {}
}

/** An EtherType for experiments. */
const EXPERIMENTAL = 0x88b5

const isFiltered = (name: string) => run(`tc filter show dev ${name} ingress`).includes('chanter_drop_tc')

/** Another program puts a program of its own on the bridge. */
function attach(program: Program): void {
  const requests = new Requests()
  setXdp(requests, t.lab.indexOf('br0') ?? 0, program.fd)
  expect([...requests.send()]).toEqual([])
  requests.close()
}

const xdpOf = (name: string): number | null => t.lab.driver.link(name)?.xdpProgram ?? null

describe('a bridge that chanter made', () => {
  beforeEach(() => t.wantInPlace(...own))

  test('is isolated by XDP and tc, makes no addresses, takes no router advertisements, and prunes no groups', async () => {
    expect(await t.dataplane.isolationOf('br0')).toEqual({ by: 'both', reason: null })
    for (const name of ['br0', 'vx0']) {
      expect(run(`ip -6 addr show dev ${name}`)).toBe('')
      expect(run(`ip -d link show dev ${name}`)).toContain('addrgenmode none')
      expect(run(`sysctl -n net.ipv6.conf.${name}.accept_ra`).trim()).toBe('0')
    }
    expect(iproute.link('br0')?.linkinfo?.info_data).toMatchObject({ mcast_snooping: 0 })
  })

  test('has ports by which no reserved group comes up', () => {
    for (const port of ['vx0', 'tap1']) expect(portOf(port)).toMatchObject({ group_fwd_mask: '0xfffd' })
  })

  test.each([
    ['the program taken away', 'ip link set br0 xdpgeneric off'],
    ['the filter taken away', 'tc filter del dev br0 ingress'],
    ['multicast snooping', 'ip link set br0 type bridge mcast_snooping 1'],
    ['addresses of its own', 'ip link set br0 addrgenmode eui64'],
    ['its alias', 'ip link set vx0 alias chanter:other'],
    ['its name', 'ip link set vx0 name other0'],
    ['its name, as a bridge', 'ip link set br0 name other0'],
  ])('is repaired: %s', async (_what, command) => {
    const indexes = ['br0', 'vx0'].map((name) => t.lab.indexOf(name))
    run(command)
    await t.lab.until(() => own.every((entry) => t.lab.holds(entry)))
    await t.lab.until(() => {
      const links = ['br0', 'vx0'].map((name) => t.lab.driver.link(name))
      return links.every((link) => link?.tuned === true) && xdpOf('br0') !== null && isFiltered('br0')
    })
    expect(['br0', 'vx0'].map((name) => t.lab.indexOf(name))).toEqual(indexes)
  })

  test('drops frames that tc has redirected, which XDP lets pass', async () => {
    run('ip link add far type veth peer name near')
    for (const name of ['far', 'near']) run(`ip link set ${name} up`)
    run('tc qdisc add dev near clsact')
    const redirect = 'match u32 0 0 action mirred ingress redirect dev br0'
    run(`tc filter add dev near ingress protocol all u32 ${redirect}`)
    const [stack, sender] = [Socket.ofProtocol(null, EXPERIMENTAL), Socket.ofInterface(null, 'far')]
    const send = (text: string) =>
      sender.send(ethernet(BROADCAST, '02:00:00:00:01:01', EXPERIMENTAL, Buffer.from(text)))
    send('redirected')
    run('tc filter del dev near ingress')
    send('received')
    const seen: string[] = []
    await t.lab.until(() => {
      seen.push(...stack.take().map((frame) => frame.toString('latin1', 14).replace(/\0*$/, '')))
      return seen.includes('received')
    })
    expect(seen).toEqual(['received'])
    for (const socket of [stack, sender]) socket.close()
  })

  test('takes no router advertisements again once the kernel was compared, which does not notify of it', async () => {
    run('sysctl -qw net.ipv6.conf.vx0.accept_ra=1')
    await t.dataplane.verifier.verify()
    await t.lab.until(() => run('sysctl -n net.ipv6.conf.vx0.accept_ra').trim() === '0')
  })

  test('found again by a daemon that knows nothing of it, under another name', async () => {
    const index = t.lab.indexOf('vx0')
    run('ip link set vx0 name other0')
    t.restart()
    await t.wantInPlace(...own)
    expect(t.lab.indexOf('vx0')).toBe(index)
  })

  test('leaves its port down, and nothing of a port is left in it when it is back', async () => {
    for (const entry of own) t.dataplane.unwant(entry)
    await t.dataplane.gone(own)
    expect(iproute.link('tap1')?.flags).not.toContain('UP')
    await t.wantInPlace(...own)
    expect(iproute.link('tap1')?.flags).toContain('UP')
  })
})

describe.each([
  ['a bridge that chanter made', own],
  ['an external bridge', external],
])('a port of %s is repaired', (_what, entries) => {
  beforeEach(async () => {
    if (entries === external) run('ip link add br0 type bridge')
    if (entries === external) run('ip link set br0 up')
    await t.wantInPlace(...entries)
  })

  test.each([
    ['state', 'bridge link set dev tap1 state 0'],
    ['isolated', 'bridge link set dev tap1 isolated on'],
    ['locked', 'bridge link set dev tap1 locked on'],
    ['flood', 'bridge link set dev tap1 flood off'],
    ['mcast_flood', 'bridge link set dev tap1 mcast_flood off'],
    ['bcast_flood', 'bridge link set dev tap1 bcast_flood off'],
    ['hairpin', 'bridge link set dev tap1 hairpin on'],
    ['guard', 'bridge link set dev tap1 guard on'],
    ['root_block', 'bridge link set dev tap1 root_block on'],
    ['mcast_to_unicast', 'bridge link set dev tap1 mcast_to_unicast on'],
    ['group_fwd_mask', 'ip link set tap1 type bridge_slave group_fwd_mask 0'],
    ['state of the VXLAN device', 'bridge link set dev vx0 state 0'],
    ['isolated VXLAN device', 'bridge link set dev vx0 isolated on'],
  ])('%s', async (_option, command) => {
    const before = [portOf('tap1'), portOf('vx0')]
    run(command)
    expect([portOf('tap1'), portOf('vx0')]).not.toEqual(before)
    await t.lab.until(() => t.lab.driver.link('tap1')?.forwarding === true)
    await t.lab.until(() => t.lab.driver.link('vx0')?.forwarding === true)
    const settled = [portOf('tap1'), portOf('vx0')]
    for (const [i, port] of before.entries()) {
      const {
        topology_change_ack: _,
        message_age_timer: __,
        forward_delay_timer: ___,
        hold_timer: ____,
        ...rest
      } = port
      expect(settled[i]).toMatchObject(rest)
    }
  })
})

describe('an external bridge', () => {
  beforeEach(() => {
    run('ip link add br0 type bridge')
    run('ip link set br0 up')
  })

  test('is isolated, and as it was when the last attachment goes', async () => {
    await t.wantInPlace(...external)
    expect(await t.dataplane.isolationOf('br0')).toEqual({ by: 'both', reason: null })
    expect(isFiltered('br0')).toBe(true)
    expect(portOf('tap1')).toMatchObject({ group_fwd_mask: '0xfffd', learning: true })
    for (const entry of external) t.dataplane.unwant(entry)
    await t.dataplane.gone(external)
    expect([xdpOf('br0'), isFiltered('br0')]).toEqual([null, false])
    expect(iproute.link('tap1')).toMatchObject({ master: 'br0' })
    expect(portOf('tap1')).toMatchObject({ group_fwd_mask: '0' })
  })

  test.each([
    ['has an address', 'ip addr add 10.9.0.1/24 dev br0', 'ip addr del 10.9.0.1/24 dev br0', '10.9.0.1/24'],
    [
      'has an IPv6 address',
      'ip addr add 2001:db8::1/64 dev br0',
      'ip addr del 2001:db8::1/64 dev br0',
      '2001:db8::1/64',
    ],
    [
      'has an IPv6 address that a program made of a router advertisement',
      'ip addr add 2001:db8::1/64 dev br0 mngtmpaddr noprefixroute',
      'ip addr del 2001:db8::1/64 dev br0',
      '2001:db8::1/64',
    ],
    ['has a macvlan device', 'ip link add mac0 link br0 type macvlan', 'ip link del mac0', 'mac0'],
  ])(
    'that the host uses, since it %s, is left alone as long as that is so',
    async (_what, use, unuse, shown) => {
      run(use)
      await t.wantInPlace(...external)
      const reason = `the host uses it (${shown}), and would be cut off`
      expect(await t.dataplane.isolationOf('br0')).toEqual({ by: null, reason })
      run(unuse)
      await t.lab.until(async () => (await t.dataplane.isolationOf('br0')).by === 'both')
      run(use)
      await t.lab.until(async () => (await t.dataplane.isolationOf('br0')).reason === reason)
      expect(xdpOf('br0')).toBeNull()
    },
  )

  test('is isolated although a VM gave it addresses by a router advertisement before', async () => {
    run('sysctl -qw net.ipv6.conf.br0.use_tempaddr=2')
    run('ip link set tap1 up master br0')
    const mac = '02:00:00:00:01:01'
    const ends = { from: linkLocal(mac), to: 'ff02::1' }
    const advertisement = routerAdvertisement(ends, '2001:db8:9::', mac, Buffer.alloc(0))
    const sender = Socket.ofInterface(null, 'vm1')
    await t.lab.until(() => {
      sender.send(packetFrame('33:33:00:00:00:01', mac, advertisement))
      return run('ip -6 addr show dev br0 temporary').includes('2001:db8:9:')
    })
    sender.close()
    await t.wantInPlace(...external)
    expect(await t.dataplane.isolationOf('br0')).toEqual({ by: 'both', reason: null })
  })

  test('is isolated although it has an address from a router advertisement, whose origin kernels before 5.18 do not tell', async () => {
    run('ip addr add 2001:db8:9::1/64 dev br0 mngtmpaddr')
    await t.wantInPlace(...external)
    expect(await t.dataplane.isolationOf('br0')).toEqual({ by: 'both', reason: null })
  })

  test('with a program of another owner keeps that, and reports it', async () => {
    const program = loadProgram({ ...dropFrames, name: 'another' }) as Program
    attach(program)
    await t.wantInPlace(...external)
    const reason = `an XDP program of another owner is on it (id ${program.id})`
    expect(await t.dataplane.isolationOf('br0')).toEqual({ by: null, reason })
    for (const entry of external) t.dataplane.unwant(entry)
    await t.dataplane.gone(external)
    expect(xdpOf('br0')).toBe(program.id)
  })

  test('is isolated as soon as the program of another owner is gone', async () => {
    const program = loadProgram({ ...dropFrames, name: 'another' }) as Program
    attach(program)
    await t.wantInPlace(...external)
    expect((await t.dataplane.isolationOf('br0')).by).toBeNull()
    run('ip link set br0 xdpgeneric off')
    await t.lab.until(async () => (await t.dataplane.isolationOf('br0')).by === 'both')
    expect(xdpOf('br0')).not.toBe(program.id)
  })

  test('gets its filter as soon as one of another program is out of the way', async () => {
    run('tc qdisc add dev br0 clsact')
    run('tc filter add dev br0 ingress pref 1 protocol all u32 match u32 0 0 classid 1:1')
    await t.wantInPlace(...external)
    expect(isFiltered('br0')).toBe(false)
    expect(await t.dataplane.isolationOf('br0')).toEqual({
      by: 'xdp',
      reason: expect.stringMatching(/^tc: /),
    })
    run('tc filter del dev br0 ingress pref 1')
    await t.lab.until(() => isFiltered('br0'))
    expect(await t.dataplane.isolationOf('br0')).toEqual({ by: 'both', reason: null })
  })

  test('has sticky addresses at their ports from attaches and routes', async () => {
    await t.wantInPlace(...external)
    const flags = (port: string, mac: number) =>
      iproute.fdb(port).find((one) => one.mac === formatMac(mac) && one.master !== undefined)?.flags
    expect([flags('tap1', e.mac(1)), flags('vx0', e.mac(2))]).toEqual([
      ['extern_learn', 'sticky'],
      ['extern_learn', 'sticky'],
    ])
    run(`bridge fdb replace ${formatMac(e.mac(2))} dev vx0 master extern_learn static`)
    await t.dataplane.verifier.verify()
    await t.lab.until(() => flags('vx0', e.mac(2))?.includes('sticky') === true)
  })
})
