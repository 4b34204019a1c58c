import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Entry, Port, Vxlan } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import * as f from '../support/frames.ts'
import { Socket } from '../support/sockets.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

const VTEP = '2001:db8::1'
const OTHER = '2001:db8::2'
const VM = '02:00:00:00:00:01'

enterOwnNamespace()

let lab: Lab
let dataplane: Reconciler
let sockets: Socket[]

beforeEach(() => {
  sockets = []
  lab = linuxLab()
  dataplane = lab.restart()
  run('ip link add under0 up address 02:00:00:00:00:f0 type veth peer name under1')
  run('ip link set under1 up')
  run(`ip addr add ${VTEP}/64 dev under0 nodad`)
  run('ip addr add 192.0.2.1/24 dev under0')
  run('ip link add tap1 up type veth peer name vm1')
  run('ip link set vm1 up')
})

afterEach(() => {
  for (const socket of sockets) socket.close()
  return lab.close()
})

const vxlan: Vxlan = { ...e.vxlan, local: e.ip(VTEP) }
const network: Entry[] = [e.bridge, vxlan, e.vxlanPort, e.tapPort, e.local(1)]
/** A second network. */
const bridge2 = { ...e.bridge, device: 'br1', alias: 'chanter:net2' }
const vxlan2: Vxlan = { ...vxlan, device: 'vx1', alias: 'chanter:net2', vni: 200 }
const port2: Port = { ...e.vxlanPort, device: 'vx1', bridge: 'br1' }
const network2: Entry[] = [bridge2, vxlan2, port2]

async function want(entries: readonly Entry[]) {
  for (const entry of entries) dataplane.want(entry)
  return (await dataplane.settled(entries)).map(({ status }) => status.reason)
}

/** The option of a device that decides whether packets without checksum come in. */
const option = (device: string) => /(no)?udp6zerocsumrx/.exec(run(`ip -d link show ${device}`))?.[0]

/** Which of the packets from another VTEP reach the VM. */
async function received(...summed: readonly boolean[]): Promise<string[]> {
  const [underlay, vm] = ['under1', 'vm1'].map((device) => Socket.ofInterface(null, device)) as [
    Socket,
    Socket,
  ]
  sockets.push(underlay, vm)
  const ends = { from: OTHER, to: VTEP }
  const texts = summed.map((isSummed) => (isSummed ? 'summed' : 'not summed'))
  const found: string[] = []
  await lab.until(() => {
    for (const [i, text] of texts.entries()) {
      const inner = f.ethernet(VM, '02:00:00:00:00:02', 0x88b5, Buffer.from(`<${text}>`))
      const build = summed[i] === true ? f.udp : f.unsummedUdp
      const packet = build(ends, 50_000, f.VXLAN_PORT, f.vxlan(e.VNI, inner))
      underlay.send(f.packetFrame('02:00:00:00:00:f0', '02:00:00:00:00:f1', packet))
    }
    for (const frame of vm.take()) found.push(/<(.*)>/.exec(frame.toString('latin1'))?.[1] ?? '')
    // the one with a checksum, sent last, is behind all others
    return found.includes('summed')
  })
  return [...new Set(found.filter((text) => text !== ''))].sort()
}

test('a packet with UDP checksum 0 reaches the VM (RFC 7348 §5)', async () => {
  expect(await want(network)).toEqual([])
  expect(option('vx0')).toBe('udp6zerocsumrx')
  expect(await dataplane.vxlanGaps()).toEqual([])
  expect(await received(false, true)).toEqual(['not summed', 'summed'])
})

test('over IPv4 the option stays as it is: devices that differ cannot share a port', async () => {
  expect(await want([e.bridge, e.vxlan, e.vxlanPort])).toEqual([])
  expect(option('vx0')).toBe('noudp6zerocsumrx')
  expect(await dataplane.vxlanGaps()).toEqual([])
})

describe('beside a device of the same UDP port that drops such packets', () => {
  test('of an earlier daemon: it goes on, the next one is like it, and that is reported', async () => {
    run(`ip link add vx0 type vxlan id ${e.VNI} local ${VTEP} dstport 4789 nolearning ttl 0`)
    run('ip link set vx0 alias chanter:net1 up')
    const index = lab.driver.link('vx0')?.index
    expect(await want([...network, ...network2])).toEqual([])
    expect(lab.driver.link('vx0')?.index).toBe(index)
    expect([option('vx0'), option('vx1')]).toEqual(['noudp6zerocsumrx', 'noudp6zerocsumrx'])
    expect(await dataplane.vxlanGaps()).toEqual([
      expect.stringMatching(/^vx0 and 1 more: packets of VTEPs that send UDP checksum 0 are dropped/),
    ])
    expect(await received(false, true)).toEqual(['summed'])
  })

  test('ours are made like it, wherever it comes from', async () => {
    run(`ip link add other type vxlan id 900 local ${VTEP} dstport 4789`)
    run('ip link set other up')
    expect(await want(network)).toEqual([])
    expect(option('vx0')).toBe('noudp6zerocsumrx')
  })

  test('one that cannot come up any more is made anew', async () => {
    expect(await want(network)).toEqual([])
    run(`ip link add other type vxlan id 900 local ${VTEP} dstport 4789`)
    dataplane.stop()
    run('ip link set vx0 down')
    run('ip link set other up')
    dataplane = lab.restart()
    await want(network)
    await lab.until(() => network.every((entry) => lab.holds(entry)))
    expect(option('vx0')).toBe('noudp6zerocsumrx')
  })

  test('of another UDP port or family it does not matter', async () => {
    run(`ip link add other type vxlan id 900 local ${VTEP} dstport 4790`)
    run('ip link add other4 type vxlan id 901 local 192.0.2.1 dstport 4789')
    for (const name of ['other', 'other4']) run(`ip link set ${name} up`)
    expect(await want(network)).toEqual([])
    expect(option('vx0')).toBe('udp6zerocsumrx')
  })
})
