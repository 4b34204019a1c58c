import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { allAnswered, type Eventual, whenAnswered } from '../eventual.ts'
import { type DeviceEntry, linkDefinition, type PortEntry } from '../kinds/index.ts'
import { isExternal } from '../kinds/link-step.ts'
import type { Refusal, Refused } from '../refusal.ts'
import { DeletionPace } from './deletion-pace.ts'
import type { Device } from './device.ts'
import type { Exceptions } from './exceptions.ts'
import { orAllLost, orLost, thrownByClock } from './lost-answers.ts'
import { PLACING_ORDER } from './placement.ts'
import type { PortsByMaster } from './ports-by-master.ts'

/** Ports removed in one turn. */
const PORTS_A_TURN = 4

export interface RemovalDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly exceptions: Exceptions
  readonly events: EventSink
  /** Called when links have been deleted, or may be. */
  readonly wake: () => void
  readonly fail: (entry: DeviceEntry, refusal: Refusal) => void
  /** Called when the kernel holds nothing of a device any more. */
  readonly lose: (device: Device) => void
  /** Called when a device has been removed as far as possible. */
  readonly left: (device: Device) => void
}

/** Devices whose link or port may have to be removed; ports go first, bridges last, and links of a kind together. */
export class DeviceRemovals implements Closable {
  readonly all = new Set<Device>()
  /** Bridges and VRFs that cannot be removed yet: another program has a port in one that the agent named, or a port of ours could not be taken out. */
  private readonly occupied = new Set<Device>()
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly events: EventSink
  private readonly fail: RemovalDependencies['fail']
  private readonly lose: RemovalDependencies['lose']
  private readonly left: RemovalDependencies['left']
  private readonly wake: RemovalDependencies['wake']
  private readonly clock: Clock
  private readonly pace: DeletionPace
  /** Whether links have to be deleted but deletions are paused. */
  private isHeldBack = false
  private isClosed = false
  /** The devices whose links are being deleted, where the driver answers later. */
  private deleting: { readonly devices: readonly Device[]; readonly answer: Promise<void> } | null = null

  constructor({ clock, driver, exceptions, events, wake, fail, lose, left }: RemovalDependencies) {
    this.clock = clock
    this.driver = driver
    this.exceptions = exceptions
    this.events = events
    this.fail = fail
    this.lose = lose
    this.left = left
    this.wake = () => {
      this.isHeldBack = false
      wake()
    }
    this.pace = new DeletionPace(clock, this.wake)
  }

  /** Nothing is asked after this, whatever is answered then. */
  close(): void {
    this.isClosed = true
  }

  get hasWork(): boolean {
    return this.all.size > 0 && !this.isHeldBack
  }

  add(device: Device): void {
    this.isHeldBack = false
    this.all.add(device)
  }

  /** Records that an attachment has asked something. */
  asked(): void {
    this.pace.asked()
  }

  /** Records that entries of an attachment are wanted, unwanted or programmed. */
  disturb(): void {
    this.pace.disturb()
  }

  /** The end of a deletion for which everything has to wait, since one of its devices is wanted again. */
  revived(): Eventual<void> {
    const isRevived = this.deleting?.devices.some(({ isUnwanted }) => !isUnwanted)
    return isRevived ? this.deleting?.answer : undefined
  }

  /** Removes some devices; `isAwaited`: an attachment is waiting to be programmed, so links may be deleted later. */
  takeAway(isAwaited: boolean, ports: PortsByMaster): Eventual<void> {
    const some = this.next().filter((device) => !this.isOccupied(device, ports))
    const going = some.filter(({ leavingLink, isUnwanted }) => leavingLink !== null && isUnwanted)
    this.isHeldBack = going.length > 0 && (this.deleting !== null || !this.pace.isTime(isAwaited))
    if (this.isHeldBack) return undefined
    for (const device of some) {
      this.all.delete(device)
      // an absent device has nothing to remove
      if (device.index === null) this.lose(device)
    }
    const others = some.filter((device) => !going.includes(device))
    void this.delete(going)
    const left = others.flatMap((device) => [this.removePort(device), this.leaveLink(device)])
    return whenAnswered(allAnswered(left), () => {
      for (const device of others) this.conclude(device)
    })
  }

  /** Defers a bridge or VRF with a port that could not be taken out: that would become an interface of the host that is up. */
  private isOccupied(device: Device, ports: PortsByMaster): boolean {
    if (device.leavingLink === null || ![...ports.of(device.name)].some(isLeavingPort)) return false
    this.all.delete(device)
    this.occupied.add(device)
    return true
  }

  /** An external bridge that is wanted as a port meanwhile stays, without what made it a bridge of ours. */
  private leaveLink(device: Device): Eventual<void> {
    const { leavingLink: link, owned } = device
    if (link === null || !isExternal(link) || owned !== false) return undefined
    return whenAnswered(orAllLost(this.driver.removeLinks([link]), 1), (refused) => {
      if (device.leavingLink === link && this.hasGone(link, refused.get(0) ?? null)) device.linkRemoved()
    })
  }

  /** Deletes links; other work may go on until the answer. */
  private delete(devices: readonly Device[]): Eventual<void> {
    const deletion = this.removeLinks(devices)
    if (!(deletion instanceof Promise)) return deletion
    const over = () => {
      this.deleting = null
      this.wake()
    }
    const failed = (error: unknown) => {
      for (const device of devices) this.add(device)
      over()
      throw error
    }
    const answer = thrownByClock(this.clock, deletion.then(over, failed))
    this.deleting = { devices, answer }
    return answer
  }

  private conclude(device: Device): void {
    device.settleLeaving()
    if (device.leavingLink !== null && isExternal(device.leavingLink)) this.occupied.add(device)
    this.left(device)
  }

  /** Ports may have left a bridge or VRF that is to be removed. */
  tryAgain(): void {
    for (const device of this.occupied) this.add(device)
    this.occupied.clear()
  }

  /** A link that occupies what a new link needs is deleted at once, without waiting for its turn. */
  makeRoom(device: Device): Eventual<void> {
    const { link, index } = device
    const excludes = link === null || index !== null ? undefined : linkDefinition(link.kind).excludes
    if (link === null || excludes === undefined || this.isClosed) return undefined
    const holders = [...(this.deleting?.devices ?? []), ...this.all].filter(
      ({ leavingLink: one, isUnwanted }) => isUnwanted && one?.kind === link.kind && excludes(link, one),
    )
    if (holders.length === 0) return undefined
    if (this.deleting !== null) return this.deleting.answer.then(() => this.makeRoom(device))
    for (const holder of holders) this.all.delete(holder)
    return this.delete(holders)
  }

  /** The next devices to remove: ports first, bridges last. */
  private next(): Device[] {
    for (const kind of PLACING_ORDER.toReversed()) {
      const limit = kind === undefined ? PORTS_A_TURN : this.pace.sizeFor(kind)
      const some: Device[] = []
      for (const device of this.all) {
        if (some.length === limit) break
        if (device.leavingLink?.kind === kind) some.push(device)
      }
      if (some.length > 0) return some
    }
    return []
  }

  /** A renamed interface is removed under its present name: it may get its old name back and still be in the bridge. */
  private removePort(device: Device): Eventual<void> {
    const { leavingPort, enslaved } = device
    if (leavingPort === null) return undefined
    const renamed = enslaved === null ? undefined : orLost(this.driver.nameOf(enslaved))
    return whenAnswered(renamed, (name) => {
      // a port that is wanted again stays
      if (device.leavingPort !== leavingPort || this.isClosed) return undefined
      if (typeof name === 'object') return this.fail(leavingPort, name)
      return this.removePortAs(new Set([device.name, name ?? device.name]), device, leavingPort)
    })
  }

  private removePortAs(names: ReadonlySet<string>, device: Device, leavingPort: PortEntry): Eventual<void> {
    let refusal: Refusal | null = null
    const removals = [...names].map((name) =>
      whenAnswered(
        orLost(this.driver.removeDevice({ ...leavingPort, device: name }, device.enslaved)),
        (one) => {
          refusal ??= one
        },
      ),
    )
    return whenAnswered(allAnswered(removals), () => {
      // a port that is wanted again is set up again
      if (device.leavingPort !== leavingPort || !this.hasGone(leavingPort, refusal)) return
      device.portRemoved()
      this.tryAgain()
    })
  }

  /** Deletes links of one kind, which also takes them out of their masters. */
  private removeLinks(devices: readonly Device[]): Eventual<void> {
    const links = devices.flatMap(({ leavingLink }) => leavingLink ?? [])
    if (links.length === 0) return undefined
    return whenAnswered(orAllLost(this.driver.removeLinks(links), links.length), (refused) => {
      this.pace.deleted()
      this.linksRemoved(devices, refused)
      for (const device of devices) this.conclude(device)
      this.wake()
    })
  }

  private linksRemoved(devices: readonly Device[], refused: Refused): void {
    for (const [i, device] of devices.entries()) {
      // that it could not be taken out of its master matters no more
      if (device.leavingPort !== null) this.exceptions.drop(device.leavingPort)
      device.portRemoved()
      // one that is wanted again is checked next
      if (device.leavingLink === null || !this.hasGone(device.leavingLink, refused.get(i) ?? null)) continue
      device.linkRemoved()
      this.lose(device)
      this.events.emit({ type: 'device-deleted', device: device.name })
    }
  }

  private hasGone(entry: DeviceEntry, refusal: Refusal | null): boolean {
    if (refusal === null) this.exceptions.drop(entry)
    else this.fail(entry, refusal)
    return refusal === null
  }
}

/** Whether only its port is to be removed: a link that is deleted leaves its master with that. */
function isLeavingPort({ leavingPort, leavingLink }: Device): boolean {
  return leavingPort !== null && leavingLink === null
}
