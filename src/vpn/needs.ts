import type { RequestError } from '../api/errors.ts'
import { identity } from '../dataplane/kinds/index.ts'
import type { Entry } from '../dataplane/model.ts'
import { ensure } from '../values/map.ts'
import type { Attachment, AttachPlan } from './attachments.ts'
import type { VpnBackend } from './backend.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { VpnInstance } from './instance.ts'
import type { PendingOperations } from './pending-operations.ts'

export interface NeedsDependencies {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  readonly backend: VpnBackend
  readonly pending: PendingOperations
  readonly dataplanes: Dataplanes
}

/** The entries of an attach, after they were tried. */
export interface Programming {
  /** Null where all of them are programmed; another error where the kernel could not be asked. */
  readonly refusal: Error | null
  /** Removes the entries of the endpoint again. */
  retract(): void
  /** The entries belong to an attachment now, or were retracted. */
  settled(): void
}

/** An endpoint whose attach is under way. */
interface ArrivingEndpoint {
  readonly instance: VpnInstance
  readonly endpoint: Attachment
}

/** The entries that instances and their endpoints need. Several may need the same one: it is removed with the last of them. */
export class Needs {
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly backend: VpnBackend
  private readonly pending: PendingOperations
  private readonly dataplanes: Dataplanes
  /** The instances that need an entry for themselves, by the entry's identity. */
  private readonly instanceUsers = new Map<string, Set<string>>()
  /** The devices that were stale before the attach that is under way, by its instance: it leaves them as they are if it is refused. */
  private readonly stale = new Map<string, ReadonlySet<string>>()
  /** By instance: what leaves another instance meanwhile leaves the entries of an arrival, too. */
  private readonly arrivals = new Map<string, ArrivingEndpoint>()

  constructor({ instances, backend, pending, dataplanes }: NeedsDependencies) {
    this.instances = instances
    this.backend = backend
    this.pending = pending
    this.dataplanes = dataplanes
  }

  /** Adds an instance with the entries that it needs, before they are wanted: another one that ends meanwhile leaves them. */
  enter({ routing, forwarding }: VpnInstance): void {
    for (const entry of forwarding.instanceEntries())
      ensure(this.instanceUsers, identity(entry), () => new Set()).add(routing.config.id)
  }

  /** The entries that an endpoint needs before it is advertised. */
  ofEndpoint(instance: VpnInstance, attachment: Attachment): Entry[] {
    return this.backend.endpointEntries(instance, attachment)
  }

  /**
   * Programs the instance and an endpoint, which was attached `before` or is new; `isPortStale`: whether its port may be in its bridge or VRF
   * already. Call `tried` when the attach is over.
   */
  async program(instance: VpnInstance, plan: AttachPlan, isPortStale: boolean): Promise<Programming> {
    const { add } = plan
    const { id } = instance.routing.config
    const shared = instance.forwarding.instanceEntries()
    const own = this.ofEndpoint(instance, add)
    const entries = [...shared, ...own]
    this.arrivals.set(id, { instance, endpoint: add })
    const isNewPort = instance.attachments.behind(add.port).length === 0
    const isAdopting = !this.instances.has(id) && instance.forwarding.mayBeStale
    const unsure = [...(isAdopting ? shared : []), ...(isPortStale && isNewPort ? own : [])]
    const refusal = await this.set(instance, plan, entries, unsure).catch((error: Error) => error)
    return {
      refusal,
      retract: () => {
        // it may need more of them by now, where another instance left the port
        const needed = [...own, ...this.ofEndpoint(instance, add)]
        this.arrivals.delete(id)
        this.retract(instance, add, different(needed))
      },
      settled: () => {
        this.arrivals.delete(id)
        this.pending.settled(entries)
      },
    }
  }

  /** `unsure`: entries on devices that may be stale. */
  private async set(
    instance: VpnInstance,
    { add, before }: AttachPlan,
    entries: Entry[],
    unsure: Entry[],
  ): Promise<RequestError | null> {
    const stale = new Set(unsure.length > 0 ? await this.dataplanes.staleDevices(unsure) : [])
    this.stale.set(instance.routing.config.id, stale)
    const [failure] = await this.pending.set(entries, this.present(instance, before), stale)
    return failure === undefined
      ? this.backend.flawOf(instance)
      : this.backend.refusalOf(instance, add.port, failure)
  }

  /** The attach of the instance is over: the devices that it adopted are the instance's own. */
  tried(instanceId: string): void {
    this.stale.delete(instanceId)
    this.arrivals.delete(instanceId)
  }

  /** Wants the entries of a restored instance. */
  restoreInstance(instance: VpnInstance): void {
    this.enter(instance)
    for (const entry of instance.forwarding.instanceEntries()) this.dataplanes.want(entry)
  }

  /** Wants the entries of a restored endpoint, which has its port. */
  restoreEndpoint(instance: VpnInstance, attachment: Attachment): void {
    this.backend.claimPort(instance, attachment)
    for (const entry of this.ofEndpoint(instance, attachment)) this.dataplanes.want(entry)
  }

  /** Removes the entries of an endpoint; entries that others need stay. */
  retract(
    instance: VpnInstance,
    { port, mac }: Pick<Attachment, 'port' | 'mac'>,
    entries: readonly Entry[],
  ): void {
    const needed = new Map<string, Entry>()
    const dataplane = this.dataplanes.of(instance.type)
    const others = [...this.backend.settlePort(instance, port)]
      .flatMap((id) => this.arrivals.get(id)?.instance ?? this.instances.get(id) ?? [])
      .filter(({ type }) => this.dataplanes.of(type) === dataplane)
    for (const other of new Set([instance, ...others])) {
      const same = other === instance ? other.attachments.of(mac) : []
      const arriving = this.arrivingBehind(port, other)
      for (const attachment of new Set([...other.attachments.behind(port), ...same, ...arriving]))
        for (const entry of this.ofEndpoint(other, attachment)) needed.set(identity(entry), entry)
    }
    this.drop(
      instance,
      entries.filter((entry) => !needed.has(identity(entry))),
    )
    for (const entry of entries) {
      const other = needed.get(identity(entry))
      if (other !== undefined) this.dataplanes.want(other)
    }
  }

  private arrivingBehind(port: string, { routing }: VpnInstance): Attachment[] {
    const endpoint = this.arrivals.get(routing.config.id)?.endpoint
    return endpoint?.port === port ? [endpoint] : []
  }

  /** Removes the entries of an ended instance, and `more`. */
  retractInstance(instance: VpnInstance, more: readonly Entry[]): void {
    const { routing, forwarding } = instance
    const own = forwarding.instanceEntries().filter((entry) => {
      const users = this.instanceUsers.get(identity(entry))
      users?.delete(routing.config.id)
      if (users?.size === 0) this.instanceUsers.delete(identity(entry))
      return !this.instanceUsers.has(identity(entry))
    })
    this.drop(instance, [...more, ...own])
  }

  /** Removes entries from the kernel, except those of devices that an earlier process left. */
  private drop({ routing }: VpnInstance, entries: readonly Entry[]): void {
    const stale = this.stale.get(routing.config.id)
    const [left, own] = [true, false].map((isLeft) =>
      entries.filter(({ device }) => (stale?.has(device) ?? false) === isLeft),
    ) as [Entry[], Entry[]]
    for (const entry of left) this.dataplanes.release(entry)
    this.pending.drop(own)
  }

  /** The entries of the instance, and of the endpoint if it was attached `before`. */
  private present(instance: VpnInstance, before: Attachment | null): Entry[] {
    if (!this.instances.has(instance.routing.config.id)) return []
    const own = before === null ? [] : this.ofEndpoint(instance, before)
    return [...instance.forwarding.instanceEntries(), ...own]
  }
}

/** Each entry once. */
function different(entries: readonly Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [identity(entry), entry])).values()]
}
