import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Counters } from '../../src/dataplane/driver.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import * as libc from '../../src/linux/libc.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { logged } from '../support/events.ts'
import { iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const AF_PACKET = 17
const SOCK_RAW = 3
const BROADCAST = 'ffffffffffff'
const MULTICAST = '333300000007'
/** Behind tap2. */
const NEIGHBOUR = '020000000002'
/** Long enough for a rate. */
const ROUND_MS = 600

let lab: Lab
let dataplane: Reconciler
let messages: string[]

/** A network with two ports, and behind each an interface of a VM. */
beforeEach(async () => {
  lab = linuxLab()
  messages = []
  run('ip link add tap1 type veth peer name vm1')
  run('ip link add tap2 type veth peer name vm2')
  for (const name of ['tap1', 'tap2', 'vm1', 'vm2']) {
    run(`ip link set ${name} addrgenmode none`)
    run(`ip link set ${name} up`)
  }
  const log = pino({ level: 'info' }, { write: (line: string) => void messages.push(JSON.parse(line).msg) })
  const clock = {
    ...systemClock,
    after: (ms: number, task: () => void) => systemClock.after(Math.min(ms, ROUND_MS), task),
  }
  dataplane = new Reconciler({ clock, driver: lab.driver, events: logged(log, clock) })
  dataplane.start()
  const entries = [...e.network, { ...e.tapPort, device: 'tap2' }, e.local(1, 'tap1'), e.local(2, 'tap2')]
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
})

afterEach(() => {
  dataplane.stop()
  lab.close()
})

/** Sends a frame of an unassigned protocol from an interface. */
function transmit(device: string, destination: string, times = 1, source = '020000000001'): void {
  const fd = libc.checked(libc.socket(AF_PACKET, SOCK_RAW, 0), 'packet socket')
  const sockaddrLl = Buffer.alloc(20)
  sockaddrLl.writeUInt16LE(AF_PACKET, 0)
  sockaddrLl.writeInt32LE(iproute.link(device)!.ifindex, 4)
  libc.checked(libc.bind(fd, sockaddrLl, sockaddrLl.length), 'bind')
  const frame = Buffer.concat([Buffer.from(`${destination}${source}88b5`, 'hex'), Buffer.alloc(46)])
  for (let i = 0; i < times; i++) libc.checked(libc.send(fd, frame, frame.length, 0), 'send')
  libc.close(fd)
}

const countersOf = (device: string) => lab.driver.counters([device]).get(device)!

/** How much a bridge and a port have counted since. */
function grown(before: readonly [Counters, Counters]): number[] {
  const [bridge, port] = [countersOf('br0'), countersOf('tap1')]
  return [
    bridge.received - before[0].received,
    bridge.multicast - before[0].multicast,
    port.received - before[1].received,
  ]
}

test.each([
  ['broadcast', BROADCAST, [100, 0, 100]],
  ['multicast', MULTICAST, [100, 100, 100]],
  ['unicast from port to port', NEIGHBOUR, [0, 0, 100]],
])(
  'a bridge passes %s up to itself or not, and a port counts what comes from its VM',
  async (_, to, expected) => {
    const before = [countersOf('br0'), countersOf('tap1')] as const
    transmit('vm1', to, 100)
    await lab.until(() => grown(before)[2] === 100)
    expect(grown(before)).toEqual(expected)
  },
)

test('it is seen whether a bridge passes up all frames; what is not there counts nothing', () => {
  expect(countersOf('br0')).toMatchObject({ promiscuous: false })
  run('ip link set br0 promisc on')
  expect(countersOf('br0')).toMatchObject({ promiscuous: true })
  expect([...lab.driver.counters(['br0', 'nothing', 'tap2']).keys()]).toEqual(['br0', 'tap2'])
})

test('a MAC that the bridge moved while a port of ours was made to learn is moved back', async () => {
  const port = { ...e.tapPort, learning: false }
  dataplane.want(port)
  expect(await dataplane.settled([port])).toEqual([])
  const portOf = () => iproute.fdb('tap1').some(({ mac, master }) => mac === '02:00:00:00:00:02' && master)
  run('bridge link set dev tap1 learning on')
  transmit('vm1', BROADCAST, 1, NEIGHBOUR)
  expect(portOf()).toBe(true)
  await lab.until(() => !portOf() && lab.holds(port) && lab.holds(e.local(2, 'tap2')))
})

test('a VM that bridges its two ports makes a storm, until one of them is down', async () => {
  run('ip link add vm type bridge')
  try {
    run('ip link set vm1 master vm')
    run('ip link set vm2 master vm')
    run('ip link set vm addrgenmode none up')
    transmit('vm', BROADCAST)
    await lab.until(() => [...dataplane.storms.all()].length > 0)
  } finally {
    run('ip link set tap1 down')
  }
  const [storm] = dataplane.storms.all()
  expect(storm).toMatchObject({ instance: 'net1', bridge: 'br0', port: expect.stringMatching(/^tap[12]$/) })
  expect(storm!.rate).toBeGreaterThan(10_000)
  await lab.until(() => [...dataplane.storms.all()].length === 0)
  const reported = messages.filter((message) => message.startsWith('broadcast storm'))
  expect(reported).toEqual(['broadcast storm', 'broadcast storm is over'])
})
