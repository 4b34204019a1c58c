import { afterEach, beforeEach, expect, test } from 'vitest'
import { Lab } from '../../src/lab/lab.ts'
import { enterNamespace } from '../../src/lab/namespace.ts'
import { chanter } from '../support/cli.ts'
import { iproute } from './iproute.ts'
import { type KernelNode, kernelNode, VTEP } from './kernel-node.ts'
import { run } from './namespace.ts'

const ID = 'net1'
const DEVICES = ['evpn---net1', 'vxlan--net1'] as const
const MAC = (n: number): string => `02:00:00:00:01:0${n}`
const IP = (n: number): string => `192.168.10.${n}`

/** What bagpipe-bgp 17 leaves of an instance with two VMs and a remote one, and a port that can be in no bridge, since a macvlan has it. */
const LEFT = `
ip link add eth0 up type veth peer name wire
ip address add ${VTEP}/24 dev eth0
ip link add evpn---net1 type bridge forward_delay 0 stp_state 0
ip link set evpn---net1 up
ip link add vxlan--net1 type vxlan id 100 local ${VTEP} nolearning proxy dstport 4789
ip link set vxlan--net1 up
ip link set vxlan--net1 master evpn---net1
ip link set tap1 up master evpn---net1
ip link set tap2 up master evpn---net1
bridge fdb replace ${MAC(1)} dev tap1
bridge fdb replace 02:00:00:00:00:09 dev vxlan--net1 dst 10.99.0.9 vni 100
bridge fdb append 00:00:00:00:00:00 dev vxlan--net1 dst 10.99.0.9 vni 100
ip tuntap add tap3 mode tap
ip link add link tap3 name mv0 type macvlan`

let lab: Lab
let node: KernelNode
let leave: () => void

beforeEach(() => {
  lab = new Lab()
  const home = lab.addNamespace('node')
  for (const n of [1, 2]) lab.addNamespace(`vm${n}`)
  leave = enterNamespace(home)
  for (const n of [1, 2]) {
    const vm = `${lab.name}-vm${n}`
    run(`ip link add tap${n} type veth peer name eth0 netns ${vm}`)
    run(`ip -n ${vm} link set eth0 address ${MAC(n)} up`)
    run(`ip -n ${vm} address add ${IP(n)}/24 dev eth0`)
  }
  LEFT.trim().split('\n').map(run)
  node = kernelNode()
})

afterEach(async () => {
  await node.close()
  leave()
  lab.close()
})

const body = (n: number) => ({
  vpn_instance_id: ID,
  vpn_type: 'evpn',
  import_rt: ['64512:1'],
  export_rt: ['64512:1'],
  mac_address: MAC(n),
  ip_address: `${IP(n)}/24`,
  local_port: { linuxif: `tap${n}` },
})
const indexes = () => DEVICES.map((name) => iproute.link(name)?.ifindex)
const mastersOf = (...names: string[]) => names.map((name) => iproute.link(name)?.master)
const remotes = () =>
  iproute
    .fdb('vxlan--net1')
    .flatMap(({ mac, dst }) => (dst === undefined ? [] : [`${mac} ${dst}`]))
    .sort()
const ping = () => lab.exec(`${lab.name}-vm1`, 'ping', '-c', '1', '-W', '2', IP(2))

test('the kernel refuses the first port of a network that bagpipe-bgp left: its VMs reach each other, and the next attach adopts it', async () => {
  await ping()
  const [links, entries] = [indexes(), remotes()]
  expect(await node.attach(body(3))).toContain('cannot set up tap3: EBUSY')
  node.reconciler.complete()
  // another network is made and ends, so that the loop has done all that it had to
  expect(await node.attach({ ...body(3), vpn_instance_id: 'net2' })).toContain('EBUSY')
  expect(indexes()).toEqual(links)
  expect(remotes()).toEqual(entries)
  expect(mastersOf('tap1', 'tap2', 'tap3', 'vxlan--net1')).toEqual([
    DEVICES[0],
    DEVICES[0],
    undefined,
    DEVICES[0],
  ])
  await ping()
  expect((await node.reconciler.verifier.verify()).orphans.map(({ name }) => name)).toEqual(
    expect.arrayContaining([...DEVICES]),
  )
  for (const n of [1, 2]) expect(await node.attach(body(n))).toBe('200')
  expect(indexes()).toEqual(links)
  expect(run('ip -d link show vxlan--net1')).toContain('vxlan id 100 ')
  await ping()
  expect(await node.faults()).toEqual([])
  for (const n of [1, 2]) expect(await node.detach(body(n))).toBe('200')
  await lab.eventually('the devices are gone', async () => {
    const seen = indexes()
    return seen.every((index) => index === undefined) ? { value: undefined } : { seen: `${seen}` }
  })
})

test('cleanup removes what a refused attach left as it was', async () => {
  expect(await node.attach(body(3))).toContain('EBUSY')
  const { output } = await chanter('cleanup', '--state-file', '/nonexistent/state')
  for (const what of ['bridge evpn---net1', 'vxlan vxlan--net1', 'port tap2'])
    expect(output).toContain(`removed ${what}`)
  expect(indexes()).toEqual([undefined, undefined])
  expect(iproute.link('tap2')?.flags).not.toContain('UP')
})

// Linux bridge agents with `arp_responder` make such devices
test('a VXLAN device of the agent that drops ARP requests is refused, since the VMs of its network would find no other', async () => {
  run('ip link add brq0 up type bridge')
  const device = 'ip link add vxlan-200 up master brq0 type vxlan id 200'
  run(`${device} dev eth0 local ${VTEP} dstport 4789 nolearning proxy`)
  run('ip link set tap1 nomaster')
  const given = { ...body(1), vpn_instance_id: 'net200', vni: 200, linuxbr: 'brq0' }
  expect(await node.attach(given)).toContain('it drops ARP requests that it cannot answer itself')
  run('ip link del vxlan-200')
  run(`${device} dev eth0 local ${VTEP} dstport 4789 nolearning`)
  expect(await node.attach(given)).toBe('200')
})
