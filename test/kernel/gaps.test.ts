import { afterEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import type { Ip } from '../../src/values/address.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab, programmedLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

/** The local address of the VXLAN device. */
const VTEP = '192.0.2.1'
const FLOOD = '00:00:00:00:00:00'
const everything: Entry[] = [...e.network, e.flood('192.0.2.2'), e.remote(2)]
run('ip link set lo up')
run(`ip addr add ${VTEP}/32 dev lo`)

let lab: Lab
let dataplane: Reconciler

async function begin(): Promise<void> {
  ;[lab, dataplane] = await programmedLab(everything, {})
  dataplane.complete()
}

afterEach(() => lab.close())

const gaps = async () => (await dataplane.vxlanGaps()).join()

test('a node without the local address of its VXLAN device is reported, until it has it again', async () => {
  await begin()
  expect(await gaps()).toBe('')
  run(`ip addr del ${VTEP}/32 dev lo`)
  expect(await gaps()).toMatch(/^192\.0\.2\.1, the local address of vx0, is on no interface of this node/)
  run(`ip addr add ${VTEP}/32 dev lo`)
  expect(await gaps()).toBe('')
})

test('an address of the host on a bridge of ours is reported as long as it is there', async () => {
  await begin()
  run('ip addr add 10.0.0.2/24 dev br0')
  expect(await gaps()).toBe(
    'br0 has 10.0.0.2 as an address of the host: VMs that ask for it get no answer (ip address del 10.0.0.2/24 dev br0)',
  )
  run('ip addr del 10.0.0.2/24 dev br0')
  expect(await gaps()).toBe('')
})

test('a port of our bridge that no entry has there is reported, until it is wanted or taken out', async () => {
  await begin()
  lab.addInterface('tap2')
  expect(await gaps()).toBe('')
  run('ip link set tap2 master br0')
  await lab.until(async () => (await gaps()).includes('no agent has attached: tap2 in br0: attach'))
  run('ip link set tap2 nomaster')
  await lab.until(async () => (await gaps()) === '')
  const port = { ...e.tapPort, device: 'tap2' }
  dataplane.want(port)
  expect(await dataplane.settled([port])).toEqual([])
  expect(await gaps()).toBe('')
  dataplane.unwant(port)
  expect(await gaps()).toBe('')
  await dataplane.gone([port])
  expect(await gaps()).toBe('')
})

describe('an external VXLAN device that a VPN uses', () => {
  const entries: Entry[] = [{ ...e.bridge, external: true }, e.flood('192.0.2.2'), e.remote(2)]

  async function use(): Promise<void> {
    lab = linuxLab()
    dataplane = lab.restart({})
    run('ip link add br0 up type bridge')
    run(`ip link add vx0 up master br0 type vxlan id ${e.VNI} local ${VTEP} dstport 4789 nolearning`)
    for (const entry of entries) dataplane.want(entry)
    expect(await dataplane.settled(entries)).toEqual([])
    dataplane.complete()
    expect(await gaps()).toBe('')
  }

  test.each([
    ['it is down', 'ip link set vx0 down', 'ip link set vx0 up'],
    ['it is in no bridge', 'ip link set vx0 nomaster', 'ip link set vx0 master br0'],
    [
      'its source address 192.0.2.9 is on no interface of this node',
      'ip link set vx0 type vxlan local 192.0.2.9',
      `ip link set vx0 type vxlan local ${VTEP}`,
    ],
  ])('is reported where %s, and has all of its entries afterwards', async (reason, change, restore) => {
    await use()
    run(change)
    expect(await gaps()).toBe(
      `vx0, a VXLAN device of another program, carries no packets of its VPN: ${reason}`,
    )
    run(restore)
    expect(await gaps()).toBe('')
    await lab.until(() => entries.every((entry) => lab.holds(entry)))
  })
})

describe('an external entry in the FDB of a VXLAN device', () => {
  test('is reported as long as it is there', async () => {
    await begin()
    run('bridge fdb add 06:00:00:00:00:01 dev vx0 dst 192.0.2.99 self')
    await lab.until(async () => (await gaps()).includes('06:00:00:00:00:01 to 192.0.2.99'))
    run('bridge fdb del 06:00:00:00:00:01 dev vx0 self')
    await lab.until(async () => (await gaps()) === '')
  })

  test('is reported with the nexthop group that it sends to', async () => {
    await begin()
    run('ip nexthop add id 8 via 192.0.2.7 fdb')
    run('ip nexthop add id 9 group 8 fdb')
    run('bridge fdb add 06:00:00:00:00:01 dev vx0 nhid 9 self')
    const command = 'bridge fdb del 06:00:00:00:00:01 dev vx0 self'
    await lab.until(async () =>
      (await gaps()).includes(`1, such as 06:00:00:00:00:01 to nexthop group 9 (${command})`),
    )
    await dataplane.verifier.verify()
    expect(await gaps()).toContain('nexthop group 9')
    run(command)
    await lab.until(async () => (await gaps()) === '')
    run('ip nexthop flush')
  })

  test('is reported on a device that it made', async () => {
    lab = linuxLab()
    dataplane = lab.restart({ deaf: true })
    const [, ...rest] = e.network
    const ports = rest.filter(({ kind }) => kind === 'port').slice(0, 1)
    run('ip link add br0 up type bridge')
    run(`ip link add vx0 up master br0 type vxlan id ${e.VNI} local ${VTEP} dstport 4789 nolearning`)
    run(`bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.98 self`)
    run(`bridge fdb append ${FLOOD} dev vx0 dst 192.0.2.2 self`)
    const entries = [{ ...e.bridge, external: true }, ...ports, e.flood('192.0.2.2')]
    for (const entry of entries) dataplane.want(entry)
    expect(await dataplane.settled(entries)).toEqual([])
    await lab.until(async () => (await gaps()).includes(`1, such as ${FLOOD} to 192.0.2.98`))
    run(`bridge fdb del ${FLOOD} dev vx0 dst 192.0.2.98 self`)
    await dataplane.verifier.verify()
    expect(await gaps()).toBe('')
  })
})

describe('an external neighbour of a bridge', () => {
  const NEIGHBOUR = '10.0.0.99 lladdr 06:00:00:00:00:01 dev br0'

  test('is reported as long as it is there, since the bridge answers VMs by it', async () => {
    await begin()
    run(`ip neigh add ${NEIGHBOUR} nud permanent`)
    const command = 'ip neigh del 10.0.0.99 dev br0'
    await lab.until(async () =>
      (await gaps()).includes(`: 1, such as 10.0.0.99 at 06:00:00:00:00:01 (${command})`),
    )
    await dataplane.verifier.verify()
    expect(await gaps()).toMatch(/^br0 answers ARP and ND of VMs for addresses that no route tells of/)
    run(command)
    await lab.until(async () => (await gaps()) === '')
  })

  test('is reported where it was there before, until it is wanted', async () => {
    ;[lab, dataplane] = await programmedLab(everything, {})
    run(`ip neigh add ${NEIGHBOUR} nud reachable`)
    dataplane = lab.restart({})
    for (const entry of everything) dataplane.want(entry)
    expect(await dataplane.settled(everything)).toEqual([])
    expect(await gaps()).toContain('10.0.0.99')
    const wanted = e.neighbour('10.0.0.99', 2)
    dataplane.want(wanted)
    expect(await dataplane.settled([wanted])).toEqual([])
    expect(await gaps()).toBe('')
    dataplane.unwant(wanted)
    await dataplane.gone([wanted])
    expect(await gaps()).toBe('')
  })

  test('of a bridge of another program may be one of the host', async () => {
    lab = linuxLab()
    dataplane = lab.restart({})
    lab.addInterface('tap1')
    run('ip link add br0 up type bridge')
    const entries = everything.map((entry) =>
      entry.kind === 'bridge' ? { ...entry, external: true } : entry,
    )
    for (const entry of entries) dataplane.want(entry)
    expect(await dataplane.settled(entries)).toEqual([])
    run(`ip neigh add ${NEIGHBOUR} nud permanent`)
    await dataplane.verifier.verify()
    expect(await gaps()).toBe('')
  })
})

test.each([
  { local: VTEP, flag: '', net: '198.51.100.0/24', ends: ['198.51.100.9', '203.0.113.1'] },
  { local: '2001:db8::1', flag: ' nodad', net: '2001:db8:1::/48', ends: ['2001:db8:1::9', '2001:db8:2::9'] },
])('addresses that packets from $local do not reach have the reason', ({ local, flag, net, ends }) => {
  const [far, elsewhere] = ends.map(e.ip) as [Ip, Ip]
  const family = local.includes(':') ? '-6' : '-4'
  lab = linuxLab()
  run('ip link add up0 up type veth peer name up1')
  run('ip link set up1 up')
  run(`ip ${family} addr add ${local} dev up0${flag}`)
  const paths = () => lab.driver.withoutPath([e.ip(local), far, elsewhere], e.ip(local))
  for (const type of ['unreachable', 'blackhole', 'prohibit']) {
    run(`ip ${family} route add ${type} ${net}`)
    expect(paths()).toEqual(
      new Map([
        [far, type === 'unreachable' ? 'an unreachable route' : `a ${type} route`],
        [elsewhere, 'no route'],
      ]),
    )
    run(`ip ${family} route del ${type} ${net}`)
  }
  run(`ip ${family} route add ${net} dev up0`)
  expect(paths()).toEqual(new Map([[elsewhere, 'no route']]))
  expect(lab.driver.withoutPath([far], e.ip('192.0.2.77'))).toEqual(new Map())
})
