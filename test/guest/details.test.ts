import { describe, expect, test } from 'vitest'
import { labFixture } from '../dataplane/fixture.ts'
import * as e from '../dataplane/ip-entries.ts'
import { setting } from '../kernel/ip-witness.ts'
import { iproute } from '../kernel/iproute.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'

enterOwnNamespace()

const t = labFixture(linuxLab, () => {
  run('ip link add tap1 up type veth peer name far1')
  run('ip link set far1 up')
})

test('entries that a port loses with its carrier are repaired', async () => {
  const entries = [
    e.red,
    e.port(),
    e.fixed('2001:db8::5', 5),
    e.route('10.0.0.5/32', ['tap1']),
    e.proxy('2001:db8::9'),
  ]
  await t.wantInPlace(...entries)
  run('ip link set far1 down')
  await t.lab.until(() => iproute.link('tap1')?.flags.includes('NO-CARRIER') ?? false)
  await t.lab.until(() => entries.every((entry) => t.lab.holds(entry)))
})

describe('the routes that the kernel made for the addresses of a port', () => {
  const entries = [
    e.red,
    e.port(),
    e.address('10.0.0.1/24'),
    e.address('2001:db8::1/64'),
    e.fixed('2001:db8::5', 5),
  ]
  const flush = () => {
    for (const family of ['-4', '-6']) run(`ip ${family} route flush table ${e.red.table} protocol kernel`)
  }
  const own = () =>
    ['-4', '-6'].flatMap((family) =>
      ['local', 'multicast'].map((type) => run(`ip ${family} route show table ${e.red.table} type ${type}`)),
    )
  const areThere = (): boolean => {
    const [local, , local6, multicast6] = own()
    return local!.includes('10.0.0.1') && local6!.includes('2001:db8::1 ') && multicast6 !== ''
  }

  test('are made again when another program removes them', async () => {
    await t.wantInPlace(...entries)
    flush()
    await t.lab.until(areThere)
    await t.lab.until(() => entries.every((entry) => t.lab.holds(entry)))
  })

  test('are made again when another program has removed them before the start', async () => {
    await t.wantInPlace(...entries)
    flush()
    expect(areThere()).toBe(false)
    t.restart()
    expect(await t.want(...entries)).toEqual([])
    await t.lab.until(() => areThere() && entries.every((entry) => t.lab.holds(entry)))
  })
})

test.each(['key 5', 'csum', 'ttl 1', 'ttl inherit nopmtudisc', 'tos 4', 'dev lo', 'fwmark 7'])(
  'a tunnel to which another program gave an option (%s) is made anew',
  async (option) => {
    const tunnels = [e.gre, e.route('10.1.0.0/16', ['gre-2 push 100'])]
    await t.wantInPlace(e.red, ...tunnels)
    const details = () => run('ip -d -o link show gre-2').replace(/^.* gre /, '')
    const [before, index] = [details(), t.lab.indexOf('gre-2')]
    run(`ip link set gre-2 type gre ${option}`)
    expect(details()).not.toBe(before)
    await t.lab.until(() => t.lab.indexOf('gre-2') !== index)
    await t.lab.until(() => tunnels.every((entry) => t.lab.holds(entry)))
    expect(details()).toBe(before)
    await t.lab.calm()
    expect(t.dataplane.statuses.counts().programmed).toBe(3)
  },
)

test('an address of ours that is not wanted goes, also one of which a kernel before 5.18 has kept no protocol; one of another program stays', async () => {
  await t.wantInPlace(e.red, e.port())
  t.dataplane.complete()
  run('ip address add 10.0.9.1/24 dev tap1 noprefixroute')
  run('ip address add 10.0.0.1/24 dev tap1 noprefixroute metric 20')
  run('ip address add 2001:db8::1/64 dev tap1 noprefixroute metric 20')
  await t.lab.until(() => !run('ip address show dev tap1').includes('metric 20'))
  expect(run('ip address show dev tap1')).toContain('10.0.9.1/24')
})

test('routes of another program in the table of a VRF are reported as long as they are there', async () => {
  const reported = async () =>
    (await t.dataplane.vrfGaps()).filter((gap) => gap.startsWith('bvrf-1 forwards'))
  const commands = [
    '10.0.2.2/32 dev far1 metric 5',
    'blackhole 10.0.3.0/24 metric 0 protocol static',
    '2001:db8:9::/64 dev far1 metric 7',
  ]
  await t.wantInPlace(e.red, e.route('10.0.2.2/32', ['tap1']), e.port(), e.address('10.0.0.1/24'))
  expect(await reported()).toEqual([])
  for (const command of commands) run(`ip route add ${command} table 1001`)
  await t.lab.until(() => t.lab.driver.vrfGaps().toString().includes('table 1001: 3'))
  const [gap] = await reported()
  expect(gap).toMatch(
    /^bvrf-1 forwards by routes of another program in table 1001: 3, such as 10\.0\.2\.2\/32 metric 5 /,
  )
  run(/\((.*)\)$/.exec(gap!)![1]!)
  t.restart()
  await t.wantInPlace(e.red, e.route('10.0.2.2/32', ['tap1']), e.port())
  expect(await reported()).toEqual([expect.stringContaining('table 1001: 2, such as ')])
  for (const command of commands.slice(1)) run(`ip route del ${command} table 1001`)
  expect(await reported()).toEqual([])
})

test('an interface that has addresses of a router goes on to have them when the host begins to forward IPv6; no device made later does', async () => {
  const accepting = ['far1', 'tap1', 'default'].map((name) => `net.ipv6.conf.${name}.accept_ra=1`)
  run(`sysctl -qw net.ipv6.conf.all.forwarding=0 ${accepting.join(' ')}`)
  run('ip addr add 2001:db8:f::5/64 dev far1 valid_lft 600 preferred_lft 600')
  const settings = () =>
    ['all/forwarding', 'far1/accept_ra', 'tap1/accept_ra', 'default/accept_ra'].map((name) =>
      setting(`ipv6/conf/${name}`),
    )
  expect(settings()).toEqual([0, 1, 1, 1])
  await t.wantInPlace(e.red, e.port())
  expect(settings()).toEqual([1, 2, 0, 1])
})

test('so does one with an address of its own that has its default route of a router', async () => {
  run(
    'sysctl -qw net.ipv6.conf.all.forwarding=0 net.ipv6.conf.far1.accept_ra=1 net.ipv6.conf.tap1.accept_ra=1',
  )
  run('ip addr add 2001:db8:f::5/64 dev far1 nodad')
  run('ip -6 route add default via 2001:db8:f::1 dev far1 proto ra')
  await t.wantInPlace(e.red, e.port())
  expect([setting('ipv6/conf/all/forwarding'), setting('ipv6/conf/far1/accept_ra')]).toEqual([1, 2])
})

test('a port that is released gets its settings back, and a strict rp_filter is only made loose', async () => {
  const settings = () =>
    ['forwarding', 'proxy_arp', 'rp_filter'].map((name) => setting(`ipv4/conf/tap1/${name}`))
  run('sysctl -qw net.ipv4.conf.tap1.rp_filter=1 net.ipv4.conf.tap1.forwarding=1')
  await t.wantInPlace(e.red, e.port())
  expect(settings()).toEqual([1, 1, 2])
  t.dataplane.unwant(e.port())
  await t.lab.wait(t.dataplane.gone([e.port()]))
  expect(settings()).toEqual([1, 0, 1])
})

test('the held settings are listed, with former value and entry', async () => {
  run('sysctl -qw net.ipv4.conf.tap1.forwarding=0 net.ipv4.conf.tap1.proxy_arp=1 net.mpls.platform_labels=50')
  await t.wantInPlace(e.red, e.port(), e.label(100, 'bvrf-1'))
  const wanted = [...t.dataplane.statuses.entries()]
  const held = (await Promise.all(t.dataplane.settings([wanted]))).flat()
  const reported = held.map(({ setting: { name, value, before, fits }, entry }) => [
    `${name} = ${value}`,
    before,
    fits,
    entry.kind,
  ])
  expect(reported).toContainEqual(['net.ipv4.conf.tap1.forwarding = 1', 0, true, 'vrf-port'])
  expect(reported).toContainEqual(['net.ipv4.conf.tap1.proxy_arp = 1', 1, true, 'vrf-port'])
  expect(reported).toContainEqual(['net.ipv4.conf.bvrf-1.forwarding = 1', expect.any(Number), true, 'vrf'])
  expect(reported).toContainEqual(['net.mpls.platform_labels = 1048575', 50, true, 'mpls'])
  expect(new Set(held.map(({ setting }) => setting.name)).size).toBe(held.length)
})

test('it is known which labels and tables others have', async () => {
  run('sysctl -qw net.mpls.platform_labels=2000')
  run('ip -f mpls route add 500 dev far1')
  run('ip link add other up type vrf table 1500')
  run('ip route add 203.0.113.0/24 dev far1 table 1501')
  run('ip -6 route add 2001:db8:1::/64 dev far1 table 1502')
  expect(await Promise.all([499, 500].map((label) => t.dataplane.isLabelTaken(label)))).toEqual([false, true])
  const tables = [1499, 1500, 1501, 1502]
  const areTaken = (some: readonly number[]) =>
    Promise.all(some.map((table) => t.dataplane.isTableTaken(table)))
  expect(await areTaken(tables)).toEqual([false, true, true, true])
  run('ip -6 route flush table 1502')
  run('ip route add unreachable default table 1503 protocol 19')
  expect(await areTaken([1502, 1503])).toEqual([false, false])
})

test.each([
  ['renamed', ['ip link set end-v down', 'ip link set end-v name end-x']],
  ['moved to another network namespace', ['ip link set end-v netns elsewhere']],
])('a veth pair is made anew when one of its ends is %s', async (_what, commands) => {
  const entries = [e.end('end-v', 'end-e', 1), e.end('end-e', 'end-v', 2)]
  await t.wantInPlace(...entries)
  run('ip netns add elsewhere')
  try {
    for (const command of commands) run(command)
    await t.lab.until(() => entries.every((entry) => t.lab.holds(entry)))
    expect(run('ip -o link')).not.toContain('end-x')
    expect(run('ip -n elsewhere -o link')).not.toContain('end-v')
  } finally {
    run('ip netns del elsewhere')
  }
})

test('labels of others are left alone, and so is the room for labels', async () => {
  run('sysctl -qw net.mpls.platform_labels=2000')
  run('ip -f mpls route add 500 dev far1')
  await t.wantInPlace(e.red, e.label(100, 'bvrf-1'))
  expect(setting('mpls/platform_labels')).toBe(2000)
  t.dataplane.complete()
  await t.lab.calm()
  expect(run('ip -f mpls route show')).toContain('500 dev far1')
  await t.wantInPlace(e.label(3000, 'bvrf-1'))
  expect(setting('mpls/platform_labels')).toBe(1048575)
})
