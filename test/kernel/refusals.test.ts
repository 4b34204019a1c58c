import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Lab } from '../../src/lab/lab.ts'
import { enterNamespace } from '../../src/lab/namespace.ts'
import { parseIp } from '../../src/values/address.ts'
import { parseMac } from '../../src/values/mac.ts'
import { spawnSync } from '../support/spawn.ts'
import { type KernelNode, kernelNode, kernelState, VTEP } from './kernel-node.ts'
import { run } from './namespace.ts'

const MAC = (n: number): string => `02:00:00:00:01:0${n}`
const IP = (n: number): string => `192.168.10.${n}`

/** The machine: its underlay, what a hypervisor and others made, and two VMs. */
const MACHINE = `
link add eth0 up type veth peer name wire
link set wire up
address add ${VTEP}/24 dev eth0
link property add dev eth0 altname enp1s0
link add virbr0 up type bridge
link add br-agent up type bridge
link add br-flow up type bridge
tuntap add tap3 mode tap
tuntap add tap4 mode tap
tuntap add tap5 mode tap
tuntap add tap6 mode tap
tuntap add tun0 mode tun
link set tap5 master virbr0
link set tap6 master br-agent
link property add dev tap3 altname port3
link property add dev br-agent altname agentbr
link add loop0 type veth peer name loop1
link set loop1 master br-agent
link add vx-far up type vxlan id 700 local ${VTEP} dstport 8472 nolearning
link set vx-far master br-flow`
  .trim()
  .split('\n')

let lab: Lab
let node: KernelNode
let leave: () => void

/** A request for a VM of a network of its own. */
const body = (n: number, changes: object = {}): object => ({
  vpn_instance_id: `net${n}`,
  vpn_type: 'evpn',
  import_rt: [`64512:${n}`],
  export_rt: [`64512:${n}`],
  mac_address: MAC(n),
  ip_address: `${IP(n)}/24`,
  gateway_ip: null,
  local_port: { linuxif: `tap${n}` },
  vni: 100 + n,
  ...changes,
})
/** The two VMs of the first network. */
const FIRST = [1, 2].map((n) => body(n, { vpn_instance_id: 'net1', vni: 101 }))

function ip(...commands: readonly string[]): void {
  const { code, stderr } = spawnSync('ip', ['-batch', '-'], commands.join('\n'))
  if (code !== 0) throw new Error(stderr)
}

/** Pings from one VM of the first network to the other. */
const ping = () => lab.exec(`${lab.name}-vm1`, 'ping', '-c', '1', '-W', '2', IP(2))

async function start(): Promise<void> {
  lab = new Lab()
  const home = lab.addNamespace('node')
  for (const n of [1, 2]) lab.addNamespace(`vm${n}`)
  leave = enterNamespace(home)
  ip(...MACHINE)
  for (const n of [1, 2]) {
    const vm = `${lab.name}-vm${n}`
    ip(`link add tap${n} up type veth peer name eth0 netns ${vm}`)
    run(`ip -n ${vm} link set eth0 address ${MAC(n)} up`)
    run(`ip -n ${vm} address add ${IP(n)}/24 dev eth0`)
  }
  node = kernelNode()
}

async function stop(): Promise<void> {
  await node.close()
  leave()
  lab.close()
}

/** The kernel when nothing has changed between two dumps. */
function calmState(): Promise<string> {
  let before = ''
  return lab.eventually('the kernel is calm', async () => {
    const seen = kernelState()
    const isCalm = seen === before && !seen.includes('tentative')
    before = seen
    return isCalm ? { value: seen } : { seen }
  })
}

/** The request is refused with these words, and nothing else happens. */
async function refuses(request: object, code: number, words: string): Promise<void> {
  const before = await calmState()
  const answer = await node.attach(request)
  expect(answer).toMatch(new RegExp(`^${code} `))
  expect(answer).toContain(words)
  await lab.eventually('the kernel is as it was', async () => {
    const seen = kernelState()
    return seen === before ? { value: seen } : { seen }
  })
  expect(await calmState()).toBe(before)
  expect(await node.faults()).toEqual([])
  expect(node.reconciler.statuses.unremovedCount()).toBe(0)
  await ping()
}

describe('refused, and nothing changes', () => {
  beforeAll(async () => {
    await start()
    for (const request of FIRST) expect(await node.attach(request)).toBe('200')
    expect(await node.attach(body(6, { linuxbr: 'br-agent' }))).toBe('200')
    await ping()
  })
  afterAll(() => stop())

  const port = (linuxif: string, more: object = {}) => body(3, { local_port: { linuxif }, ...more })
  const own =
    (device: string, more: object = {}) =>
    () => {
      const [, address = ''] = run(`ip -o link show dev ${device}`).match(/link\/ether (\S+)/) ?? []
      return body(3, { mac_address: address, ...more })
    }

  test.each<[string, object | (() => object), string]>([
    ['the VXLAN device of another instance', port('vxlan--net1'), 'local_port: vxlan--net1 is a vxlan'],
    ['the bridge of another instance', port('evpn---net1'), 'local_port: evpn---net1 is a bridge'],
    ['a bridge of others', port('virbr0'), 'local_port: virbr0 is a bridge'],
    ['the loopback', port('lo'), 'local_port: lo is a loopback interface'],
    ['the underlay', port('eth0'), 'local_port: eth0 has the tunnel address 10.99.0.1'],
    ['the underlay by its altname', port('enp1s0'), 'local_port: eth0 has the tunnel address 10.99.0.1'],
    ['a tunnel without Ethernet', port('tun0'), 'local_port: tun0 carries no Ethernet frames'],
    ['a VXLAN device of others', port('vx-far'), 'local_port: vx-far is a vxlan'],
    ['a port of a bridge of others', port('tap5'), 'local_port: tap5 is in virbr0 already'],
    ['a port of the bridge of another instance', port('tap6'), 'local_port: tap6 is in br-agent already'],
    [
      'a port of another instance',
      port('tap1'),
      'local_port: interface tap1 is attached to VPN instance net1',
    ],
    ['a port in another bridge', port('tap5', { linuxbr: 'br-flow' }), 'or name virbr0 as linuxbr'],
    ['no bridge as bridge', body(3, { linuxbr: 'tap4' }), 'linuxbr: tap4 is no bridge but a tun'],
    ['the underlay as bridge', body(3, { linuxbr: 'eth0' }), 'linuxbr: eth0 is no bridge but a veth'],
    ['the bridge of another instance as bridge', body(3, { linuxbr: 'evpn---net1' }), 'of VPN instance net1'],
    ['the bridge of others of another instance', body(3, { linuxbr: 'br-agent' }), 'of VPN instance net6'],
    ['that bridge by its altname', body(3, { linuxbr: 'agentbr' }), 'linuxbr: br-agent is the bridge of'],
    ['a name of our devices', body(3, { linuxbr: 'evpn---net9' }), "a name of chanter's own devices"],
    ['names that the kernel refuses', body(3, { linuxbr: 'brà' }), "API error: 'linuxbr' is"],
    ['names of sysctl', body(3, { linuxbr: 'all' }), "API error: 'linuxbr' is"],
    [
      'a VXLAN device that sends elsewhere',
      body(3, { linuxbr: 'br-flow', vni: 700 }),
      'its UDP port is 8472',
    ],
    [
      'a veth pair back into the bridge',
      body(6, { mac_address: MAC(7), ip_address: null, local_port: { linuxif: 'loop0' } }),
      'loop0 leads back into bridge br-agent',
    ],
    ["a MAC that is the port's", own('tap3'), 'is the address of tap3 itself'],
    ["a MAC that is the bridge's", own('virbr0', { linuxbr: 'virbr0' }), 'is the address of'],
    ["a MAC that is another port's", own('tap5', { linuxbr: 'virbr0' }), 'is the address of tap5 itself'],
    [
      "a MAC that is our VXLAN device's",
      own('vxlan--net1', { vpn_instance_id: 'net1', vni: 101 }),
      'is the address of vxlan--net1 itself',
    ],
    [
      "a MAC that is our bridge's",
      own('evpn---net1', { vpn_instance_id: 'net1', vni: 101 }),
      'is the address of evpn---net1 itself',
    ],
  ])('%s', async (_, request, words) => {
    await refuses(typeof request === 'function' ? request() : request, 400, words)
  })

  test('a fault that only the kernel detects: an interface with another receiver of its frames', async () => {
    ip('link add link tap4 name mac4 type macvlan')
    const why = 'mac4 receives the frames of tap4: attach mac4 instead, or delete it (ip link delete mac4)'
    await refuses(body(4), 400, `cannot set up tap4: EBUSY: ${why}`)
    ip('link del mac4')
    expect(await node.attach(body(4))).toBe('200')
    expect(await node.detach(body(4))).toBe('200')
  })

  test('the bridge of the underlay, and what the underlay stands on', async () => {
    ip(
      'link add br-ex up type bridge',
      'link set eth0 master br-ex',
      `address del ${VTEP}/24 dev eth0`,
      `address add ${VTEP}/24 dev br-ex`,
    )
    await refuses(body(3, { linuxbr: 'br-ex' }), 400, 'linuxbr: br-ex has the tunnel address 10.99.0.1')
    await refuses(port('eth0', { linuxbr: 'br-ex' }), 400, 'no part of the underlay')
    await refuses(port('eth0'), 400, 'local_port: eth0 carries br-ex, which has the tunnel')
    await refuses(port('wire', { mac_address: MAC(9), linuxbr: 'br-ex' }), 400, 'no part of the underlay')
  })
})

describe('granted', () => {
  beforeEach(() => start())
  afterEach(() => stop())

  test('a port by its altname is one port, whatever it is called', async () => {
    const byAltname = body(3, { local_port: { linuxif: 'port3' } })
    expect(await node.attach(byAltname)).toBe('200')
    expect(node.vpns.snapshot().instances).toMatchObject([{ attachments: [{ port: 'tap3' }] }])
    expect(await node.attach(body(3))).toBe('200')
    const other = body(4, { local_port: { linuxif: 'port3' } })
    expect(await node.attach(other)).toContain(
      '400 local_port: interface tap3 is attached to VPN instance net3',
    )
    expect(await node.faults()).toEqual([])
    expect(await node.detach(byAltname)).toBe('200')
  })

  test('a bridge by its altname is one bridge', async () => {
    expect(await node.attach(body(6, { linuxbr: 'agentbr' }))).toBe('200')
    expect(node.vpns.snapshot().instances).toMatchObject([{ devices: { bridge: 'br-agent' } }])
    expect(await node.faults()).toEqual([])
  })

  /** What the bridge has of the MAC of VM 6. */
  const held = () =>
    run('bridge -d fdb show br br-agent')
      .split('\n')
      .filter((line) => line.startsWith(MAC(6)))
      .join()
      .trim()
  test.each(['static', 'sticky static'])(
    'a %s entry of others does as well, and stays theirs',
    async (words) => {
      const request = body(6, { linuxbr: 'br-agent' })
      run(`bridge fdb add ${MAC(6)} dev tap6 master ${words}`)
      const theirs = held()
      expect(await node.attach(request)).toBe('200')
      expect(held()).toBe(theirs)
      expect(await node.faults()).toEqual([])
      const state = node.vpns.snapshot()
      await node.close()
      node = kernelNode()
      await node.vpns.restore(state)
      node.reconciler.complete()
      expect(await node.attach(request)).toBe('200')
      expect(await node.faults()).toEqual([])
      expect(await node.detach(request)).toBe('200')
      await calmState()
      expect(held()).toBe(theirs)
    },
  )

  test('so does one of a port that has endpoints already', async () => {
    expect(await node.attach(body(6, { linuxbr: 'br-agent', mac_address: MAC(7), ip_address: null }))).toBe(
      '200',
    )
    run(`bridge fdb add ${MAC(6)} dev tap6 master static`)
    const theirs = held()
    expect(await node.attach(body(6))).toBe('200')
    expect(held()).toBe(theirs)
    expect(await node.faults()).toEqual([])
    expect(await node.detach(body(6))).toBe('200')
    await calmState()
    expect(held()).toBe(theirs)
  })

  test('that is ours as soon as theirs goes, and then goes with the detach', async () => {
    run(`bridge fdb add ${MAC(6)} dev tap6 master static`)
    expect(await node.attach(body(6, { linuxbr: 'br-agent' }))).toBe('200')
    run(`bridge fdb del ${MAC(6)} dev tap6 master`)
    await lab.eventually('the entry is ours', async () =>
      held().includes('extern_learn') ? { value: true } : { seen: held() },
    )
    expect(await node.faults()).toEqual([])
    expect(await node.detach(body(6, { linuxbr: 'br-agent' }))).toBe('200')
    await lab.eventually('the entry is gone', async () =>
      held() === '' ? { value: true } : { seen: held() },
    )
  })

  test('an address that becomes the host’s later is reported, and stays the host’s', async () => {
    expect(await node.attach(body(6, { linuxbr: 'br-agent' }))).toBe('200')
    ip(`link set br-agent address ${MAC(6)}`)
    const reported = `local-mac on tap6: the bridge takes frames for ${MAC(6)} for the host: it is br-agent's own address`
    await lab.eventually('the conflict is reported', async () => {
      const seen = await node.faults()
      return seen.includes(reported) ? { value: seen } : { seen: seen.join() }
    })
    const again = await node.attach(body(6, { linuxbr: 'br-agent' }))
    expect(again).toContain(`mac_address: ${MAC(6)} is the address of br-agent itself`)
    expect(await node.detach(body(6, { linuxbr: 'br-agent' }))).toBe('200')
    await calmState()
    expect(run('bridge fdb show br br-agent')).toContain(`${MAC(6)} dev br-agent master br-agent permanent`)
    expect(node.reconciler.statuses.unremovedCount()).toBe(0)
  })

  test.each([
    ['our bridge', 3, 'evpn---net3', 'evpn---net3', {}],
    ['the bridge of others', 6, 'br-agent', 'tap6', { linuxbr: 'br-agent' }],
  ] as const)(
    'what %s has itself is not elsewhere, whatever a peer says, among few or many',
    async (_, n, bridge, owner, more) => {
      expect(await node.attach(body(n, more))).toBe('200')
      const [, own = ''] = run(`ip -o link show dev ${owner}`).match(/link\/ether (\S+)/) ?? []
      const base = parseMac('02:00:00:00:77:00')!
      for (const count of [1, 200]) {
        const macs = [parseMac(own)!, ...Array.from({ length: count - 1 }, (_, i) => base + i)]
        const shared = { device: `vxlan--net${n}`, dst: parseIp('10.99.0.2')!, vni: 100 + n }
        const entries = macs.map((mac) => ({ kind: 'remote-mac', mac, ...shared }) as const)
        for (const entry of entries) node.reconciler.want(entry)
        const reported = `remote-mac on vxlan--net${n}: the bridge takes frames for ${own} for the host: it is ${owner}'s own address`
        await lab.eventually('the conflict is reported', async () => {
          const seen = await node.faults()
          return seen.join() === reported ? { value: seen } : { seen: seen.join() }
        })
        for (const entry of entries) node.reconciler.unwant(entry)
        await node.reconciler.gone(entries)
        const [entry = ''] = run(`bridge fdb get ${own} br ${bridge}`).split('\n')
        expect(entry).toMatch(/ permanent *$/)
      }
      expect(await node.faults()).toEqual([])
      expect(node.reconciler.statuses.unremovedCount()).toBe(0)
    },
  )

  test('no VXLAN where others have the UDP port, or the VNI', async () => {
    ip(`link add vx-theirs type vxlan id 104 local ${VTEP} dstport 4789`)
    const vni = 'VXLAN device vx-theirs has VNI 104 on UDP port 4789 already'
    const before = await calmState()
    expect(await node.attach(body(4))).toContain(`400 cannot set up tap4: ${vni}`)
    expect(await calmState()).toBe(before)
    ip('link add vxlan_sys up type vxlan external dstport 4789')
    const flows = await calmState()
    expect(await node.attach(body(3))).toContain(
      '400 cannot set up tap3: UDP port 4789 cannot be used for VXLAN: flow-based VXLAN device vxlan_sys has it',
    )
    expect(await calmState()).toBe(flows)
    expect(await node.faults()).toEqual([])
    expect(node.reconciler.statuses.unremovedCount()).toBe(0)
  })
})
