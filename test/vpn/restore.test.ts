import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { identity } from '../../src/dataplane/kinds/index.ts'
import { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { VpnService } from '../../src/vpn/service.ts'
import type { SavedState } from '../../src/vpn/state.ts'
import { Process } from '../sim/process.ts'
import { noEvents } from '../support/events.ts'
import { attachRequest, IN_VRF } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { decodeState, encodeState } from '../support/state.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { vpnConfig } from '../support/vpn-config.ts'

const A = '10.77.0.11'
const NETWORK = ['bridge evpn---net1', 'port vxlan--net1', 'vxlan vxlan--net1']

/** One life of a daemon on a machine whose kernel and disk stay. */
interface Life {
  readonly speaker: Speaker
  readonly vpns: VpnService
  readonly reconciler: Reconciler
  /** Ends it between two instructions. */
  kill(): void
}

let clock: VirtualClock
let driver: MemoryDriver
let network: VirtualNetwork
/** Every state that came to the disk, the latest last. */
let disk: string[]

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  driver = new MemoryDriver(clock)
  disk = []
  for (const name of ['tap1', 'tap2']) driver.kernel.addLink(name)
})

async function start(text: string | null = disk.at(-1) ?? null): Promise<Life> {
  const process = new Process({ clock, network })
  const reconciler = new Reconciler({ clock: process.clock, driver, events: noEvents })
  const speaker = speakerAt(A, [peerConfig('10.77.0.12')], clock, network)
  const vpns: VpnService = new VpnService(
    vpnConfig(ip(A)),
    speaker,
    Dataplanes.shared(reconciler),
    noEvents,
    async () => void disk.push(encodeState({ kernel: '', ...vpns.snapshot() })),
  )
  if (text !== null) await vpns.restore(decodeState(text))
  reconciler.start()
  return {
    speaker,
    vpns,
    reconciler,
    kill() {
      reconciler.stop()
      process.kill()
    },
  }
}

const held = (): string[] => {
  const { links } = driver.kernel
  const devices = [...links.values()].flatMap(({ name, kind, master }) => [
    ...(kind === null ? [] : [`${kind} ${name}`]),
    ...(master === null ? [] : [`port ${name}`]),
  ])
  const macs = [...links.values()].flatMap(({ fdb }) => [...fdb.values()].map(({ entry }) => identity(entry)))
  return [...devices, ...macs].sort()
}
const advertised = ({ speaker }: Life) => [...speaker.rib.ownRoutes(EVPN)].map(({ nlri }) => nlri)

async function attached(): Promise<Life> {
  const life = await start()
  const attach = life.vpns.attach(attachRequest({ description: { port: 'p-1' } }))
  await clock.run(100)
  await attach
  return life
}

describe('a daemon that comes after another', () => {
  test('advertises the same routes, holds the same numbers, and touches nothing in the kernel', async () => {
    const first = await attached()
    const before = {
      advertisedRoutes: advertised(first),
      held: held(),
      labels: [...first.vpns.labels.entries()],
    }
    first.kill()
    const changes: string[] = []
    driver.set = (entries) => {
      changes.push(...entries.map(identity))
      return new Map()
    }
    const second = await start()
    await clock.run(1000)
    expect({
      advertisedRoutes: advertised(second),
      held: held(),
      labels: [...second.vpns.labels.entries()],
    }).toEqual(before)
    expect(changes).toEqual([])
    expect(second.vpns.snapshot()).toEqual(first.vpns.snapshot())
  })

  test('detaches what its predecessor attached', async () => {
    ;(await attached()).kill()
    const second = await start()
    const { instanceId, type, mac: address } = attachRequest()
    const detach = second.vpns.detach({ instanceId, type, mac: address, ip: null })
    await clock.run(100)
    await detach
    expect(held()).toEqual([])
    expect(decodeState(disk.at(-1)!)).toMatchObject({ instances: [], pending: [] })
  })

  const detachAll = async ({ vpns }: Life, instanceId = 'net1') => {
    const { type, mac: address } = attachRequest()
    const detach = vpns.detach({ instanceId, type, mac: address, ip: null })
    await clock.run(100)
    await detach
  }
  const attachNext = async ({ vpns }: Life) => {
    const attach = vpns.attach(attachRequest({ instanceId: 'net2', vni: null, port: 'tap2' }))
    await clock.run(100)
    await attach
    const [instance] = vpns.snapshot().instances
    return { label: instance?.attachments[0]?.label, rdNumber: instance?.rdNumber }
  }

  test('gives out no number that another network had until just before', async () => {
    const life = await attached()
    const [before] = life.vpns.snapshot().instances
    await detachAll(life)
    life.kill()
    const { label, rdNumber } = await attachNext(await start())
    expect(label).toBe(before!.attachments[0]!.label + 1)
    expect(rdNumber).toBe(before!.rdNumber + 1)
  })

  test('nor one that an earlier boot of the machine had, of which it keeps nothing else', async () => {
    const life = await attached()
    const state = decodeState(disk.at(-1)!)
    life.kill()
    const [before] = state.instances
    for (const former of [state, { ...state, numbers: undefined }]) {
      driver = new MemoryDriver(clock)
      driver.kernel.addLink('tap2')
      const second = await start(null)
      second.vpns.recall(former as SavedState)
      expect([...second.vpns.instances.keys()]).toEqual([])
      const { label, rdNumber } = await attachNext(second)
      expect(label).toBe(before!.attachments[0]!.label + 1)
      expect(rdNumber).toBe(before!.rdNumber + 1)
      second.kill()
    }
  })

  test('keeps the mobility of a MAC address', async () => {
    const life = await attached()
    const [instance] = life.vpns.snapshot().instances
    const moved = { ...instance!, attachments: instance!.attachments.map((one) => ({ ...one, sequence: 7 })) }
    life.kill()
    const second = await start(encodeState({ kernel: '', ...life.vpns.snapshot(), instances: [moved] }))
    expect(second.vpns.snapshot().instances[0]?.attachments[0]?.sequence).toBe(7)
  })
})

describe('a daemon whose predecessor left no state', () => {
  const second = attachRequest({ port: 'tap2', mac: 0x02_00_00_00_01_02, ip: null })
  const third = attachRequest({ port: 'tap3', mac: 0x02_00_00_00_01_03, ip: null })

  /** A network with two ports that no process knows. */
  async function forgotten(): Promise<void> {
    const life = await attached()
    const attach = life.vpns.attach(second)
    await clock.run(100)
    await attach
    life.kill()
    disk = []
    driver.kernel.addLink('tap3')
  }

  test('leaves the network as it was when the kernel refuses the first port, and adopts it with the next', async () => {
    await forgotten()
    const before = [held(), driver.kernel.links.get('evpn---net1')?.index]
    const life = await start()
    life.reconciler.complete()
    driver.fail((op, { device }) => op === 'set' && device === 'tap3', refusal('EBUSY', 'no'))
    const refused = life.vpns.attach(third).catch((error) => error)
    await clock.run(200_000)
    expect(await refused).toMatchObject({ message: 'cannot set up tap3: EBUSY: no' })
    const now = () => [held(), driver.kernel.links.get('evpn---net1')?.index]
    expect(now()).toEqual(before)
    expect(decodeState(disk.at(-1)!)).toMatchObject({ instances: [], pending: [] })
    for (const request of [attachRequest({ vni: null }), second]) {
      const attach = life.vpns.attach(request)
      await clock.run(200_000)
      await attach
    }
    expect(now()).toEqual(before)
    expect(driver.kernel.links.get('vxlan--net1')?.vni).toBe(100)
  })

  test('leaves the network to the next daemon when it is killed while it adopts it with a port', async () => {
    await forgotten()
    const before = [held(), driver.kernel.links.get('evpn---net1')?.index]
    ;(await attached()).kill()
    const states = disk.filter((text) => decodeState(text).instances.length === 0)
    for (const text of [null, ...states]) {
      const next = await start(text)
      next.reconciler.complete()
      await clock.run(200_000)
      expect([held(), driver.kernel.links.get('evpn---net1')?.index]).toEqual(before)
      next.kill()
    }
  })
})

describe('a daemon that was killed while', () => {
  test('it attached leaves nothing behind, wherever it was', async () => {
    const whole = ['local-mac 02:00:00:00:01:01 on tap1', ...NETWORK, 'port tap1'].sort()
    for (let steps = 0; steps < 12; steps++) {
      disk = []
      const life = await start()
      let answered = false
      void life.vpns.attach(attachRequest()).then(() => {
        answered = true
      })
      for (let step = 0; step < steps; step++) await clock.run(0)
      for (let turn = 0; turn < steps; turn++) await null
      life.kill()
      const next = await start()
      next.reconciler.complete()
      await clock.run(1000)
      const kept = next.vpns.instances.size > 0
      expect(held(), `killed after ${steps} steps`).toEqual(kept ? whole : [])
      if (answered) expect(kept).toBe(true)
      next.kill()
      for (const { name, kind } of [...driver.kernel.links.values()]) {
        if (kind !== null) driver.kernel.deleteLink(name)
      }
    }
  })

  test.each([
    ['its port', 'tap1', attachRequest()],
    ['its route', 'bvrf-1', attachRequest(IN_VRF)],
  ])('it removed a network that was refused for %s leaves nothing behind', async (_, device, request) => {
    const before = held()
    driver.fail(
      (op, entry) =>
        op === 'set' && entry.device === device && entry.kind !== 'vrf' && entry.kind !== 'unreachable',
      refusal('EBUSY', 'no'),
    )
    const life = await start()
    let isRefused = false
    void life.vpns.attach(request).catch(() => {
      isRefused = true
      life.kill()
    })
    await clock.run(1000)
    expect(isRefused).toBe(true)
    expect(held()).not.toEqual(before)
    const next = await start()
    next.reconciler.complete()
    await clock.run(10_000)
    expect(held()).toEqual(before)
    expect(next.vpns.instances.size).toBe(0)
  })

  test('it detached removes pending operations', async () => {
    const life = await attached()
    const { instanceId, type, mac: address } = attachRequest()
    void life.vpns.detach({ instanceId, type, mac: address, ip: null })
    for (let turn = 0; turn < 20; turn++) await null
    life.kill()
    expect(held()).not.toEqual([])
    const next = await start()
    next.reconciler.complete()
    await clock.run(1000)
    expect(held()).toEqual([])
  })

  test('one network went and another came keeps the port where it is wanted now', async () => {
    const life = await attached()
    const state = life.vpns.snapshot()
    life.kill()
    const other = {
      ...state.instances[0]!,
      id: 'net2',
      suffix: 'net2',
      devices: { bridge: 'evpn---net2', externalBridge: false, vxlan: 'vxlan--net2', externalVxlan: false },
    }
    const pending = [
      {
        kind: 'port' as const,
        device: 'tap1',
        bridge: 'evpn---net1',
        external: false,
        learning: false,
        neighSuppress: false,
      },
      { kind: 'bridge' as const, device: 'evpn---net1', external: false, alias: 'chanter:net1' },
      {
        kind: 'vxlan' as const,
        device: 'vxlan--net1',
        alias: 'chanter:net1',
        vni: 100,
        local: ip(A),
        port: 4789,
        mtu: null,
        underlay: null,
      },
    ]
    const next = await start(encodeState({ kernel: '', instances: [other], pending }))
    next.reconciler.complete()
    await clock.run(60_000)
    expect(driver.kernel.links.get('tap1')?.master).toBe('evpn---net2')
    expect(driver.kernel.links.has('evpn---net1')).toBe(false)
  })
})
