import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'

let lab: Lab
let daemon: LabDaemon

/** A node with two VMs, and interfaces of all kinds that must not become ports. */
beforeAll(async () => {
  lab = new Lab()
  const reflector = await addReflector(lab, '10.77.0.1')
  const host = await addNode(lab, reflector, 'pe', '10.77.0.11')
  await addVm(lab, host, 'vm1', 0x020000000101, '192.168.10.1/24')
  await addVm(lab, host, 'vm2', 0x020000000102, '192.168.10.2/24')
  const link = (...words: readonly string[]) => run('ip', '-n', host.namespace, 'link', 'add', ...words)
  for (const bridge of ['br0', 'br1']) await link(bridge, 'type', 'bridge')
  await link('nic0', 'type', 'veth', 'peer', 'name', 'in-br0')
  await run('ip', '-n', host.namespace, 'link', 'set', 'in-br0', 'master', 'br0')
  await link('vxlan9', 'type', 'vxlan', 'id', '9', 'dstport', '4789', 'local', host.address)
  await run('ip', '-n', host.namespace, 'link', 'set', 'vxlan9', 'master', 'br1')
  await link('flow0', 'type', 'vxlan', 'external', 'dstport', '4790')
  daemon = await startChanter(lab, host, { BGP: { peers: reflector.address, my_as: AS } })
})

afterAll(() => lab.close())

const NAMES = [
  ...['tap-vm1', 'tap-vm2', 'br0', 'br1', 'in-br0', 'nic0', 'vxlan9', 'flow0', 'eth0', 'lo', 'none'],
  ...['all', 'default', 'brà', 'a b', 'a/b', '.', '..', '', 'x'.repeat(15), 'x'.repeat(16), '%d', 'tap%d'],
  ...['evpn---net1', 'vxlan--net1', 'bvrf-1', 'mpls---any', 'e2vrf--x', '\u00e9'.repeat(7), '\u{1f600}'],
]
const IPS = [
  ...['192.168.10.1/24', '192.168.10.1', '10.0.0.0/8', '0.0.0.0', '0.0.0.0/0', '127.0.0.1/8', '224.0.0.1/24'],
  ...['255.255.255.255', '192.168.10.255/24', '192.168.10.0/24', '10.77.0.11', '10.77.0.11/24', '1.2.3.4/33'],
  ...['::', '::1', 'ff02::1', 'fe80::1', '::ffff:10.0.0.1', '2001:db8::1/64', '2001:db8::1/129', 'x', ''],
]
const MACS = ['02:00:00:00:01:02', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '01:00:5e:00:00:01', 'x']
const VNIS = [100, 9, 0, 1, 16, 16_777_215, 16_777_216, -1, 1.5]
const TARGETS = [['64512:10'], ['64512:10', '10.0.0.1:7'], [], ['1:1:1'], ['4294967295:1'], 'x', ['']]

const HOSTILE: Readonly<Record<string, readonly unknown[]>> = {
  vpn_instance_id: ['net2', 'net.json', '..', 'a/b', '\u00e9', 'x'.repeat(300), '', 7],
  vpn_type: ['x'],
  import_rt: TARGETS,
  export_rt: TARGETS,
  mac_address: MACS,
  ip_address: IPS,
  gateway_ip: IPS,
  local_port: [
    ...NAMES.map((linuxif) => ({ linuxif })),
    { evpn: { id: 'net1' } },
    { evpn: { id: 'none' } },
    {},
  ],
  linuxbr: NAMES,
  vni: VNIS,
  direction: ['to-port', 'from-port', 'x'],
  advertise_subnet: [true, 'x'],
  local_pref: [0, 4_294_967_295, 4_294_967_296],
}

const GOOD = [
  { vpn_instance_id: 'net1', vpn_type: 'evpn', vni: 100 },
  { vpn_instance_id: 'net2', vpn_type: 'evpn', linuxbr: 'br1' },
  { vpn_instance_id: 'ip1', vpn_type: 'ipvpn' },
].map((one) => ({
  import_rt: ['64512:10'],
  export_rt: ['64512:10'],
  mac_address: '02:00:00:00:01:01',
  ip_address: '192.168.10.1/24',
  gateway_ip: '192.168.10.254',
  local_port: { linuxif: 'tap-vm1' },
  ...one,
}))

/** A good attachment with up to three members that are not. */
const body = fc
  .tuple(
    fc.constantFrom(...GOOD),
    fc.array(
      fc
        .constantFrom(...Object.keys(HOSTILE))
        .chain((name) => fc.constantFrom(...HOSTILE[name]!).map((value) => [name, value] as const)),
      { maxLength: 3 },
    ),
  )
  .map(([good, changes]) => ({ ...good, ...Object.fromEntries(changes) }))

test('every wrong attach or detach gets a client error with the reason', async () => {
  const faults: string[] = []
  const answers = new Map<number, number>()
  const bodies = fc.sample(fc.tuple(fc.constantFrom('attach', 'attach', 'detach'), body), {
    numRuns: 1500,
    seed: 20_261_129,
  })
  for (const [verb, given] of bodies) {
    const { status, body: text } = await request(daemon.api, `/${verb}_localport`, given)
    answers.set(status, (answers.get(status) ?? 0) + 1)
    if (status === 200) continue
    const { description } = JSON.parse(text)
    if (status !== 400 || !/\S+ \S+/.test(description))
      faults.push(`${status} ${description} for ${verb} of ${JSON.stringify(given)}`)
  }
  expect(faults).toEqual([])
  expect(answers.get(200)).toBeGreaterThan(100)
  expect(answers.get(400)).toBeGreaterThan(100)
  expect((await request(daemon.api, '/ping')).status).toBe(200)
})
