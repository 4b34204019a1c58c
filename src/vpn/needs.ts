import { identity } from '../dataplane/kinds/index.ts'
import type { Entry } from '../dataplane/model.ts'
import { ensure } from '../values/map.ts'
import type { Attachment } from './attachments.ts'
import type { Dataplanes } from './dataplanes.ts'
import { portUse, type VpnInstance } from './instance.ts'
import type { Drivers } from './instances.ts'
import type { IrbInterfaces } from './irb-interfaces.ts'
import type { PendingOperations } from './pending-operations.ts'
import { Ports, type PortUse } from './ports.ts'

export interface NeedsDependencies {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  readonly irbs: IrbInterfaces
  readonly pending: PendingOperations
  readonly dataplanes: Dataplanes
  readonly drivers: Drivers
}

/** What instances and their endpoints need in the kernel. Several may need the same: it goes with the last of them. */
export class Needs {
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly irbs: IrbInterfaces
  private readonly pending: PendingOperations
  private readonly dataplanes: Dataplanes
  private readonly drivers: Drivers
  private readonly ports = new Ports()
  /** The instances that need something for themselves, by its place. */
  private readonly instanceUsers = new Map<string, Set<string>>()

  constructor({ instances, irbs, pending, dataplanes, drivers }: NeedsDependencies) {
    this.instances = instances
    this.irbs = irbs
    this.pending = pending
    this.dataplanes = dataplanes
    this.drivers = drivers
  }

  /** The instance is there, and with it the need for its network. */
  enter({ routing }: VpnInstance): void {
    for (const entry of routing.instanceEntries())
      ensure(this.instanceUsers, identity(entry), () => new Set()).add(routing.config.id)
  }

  /** Has the port for the attachment. Answers with the instance that is in the way, if one is. */
  claimPort(instance: VpnInstance, attachment: Attachment): string | null {
    return this.ports.claim(attachment.port, instance.routing.config.id, this.use(instance, attachment))
  }

  /** The instance other than this one that has the port for more than to be sent to, if one has. */
  holderOf(port: string, instance: string): string | null {
    return this.ports.holderOf(port, instance)
  }

  /** A port that an attachment only sends to stays where another instance has it. */
  ofEndpoint(instance: VpnInstance, attachment: Attachment): Entry[] {
    const entries = this.irbs.endpointEntries(instance, attachment)
    const { id } = instance.routing.config
    const elsewhere =
      this.use(instance, attachment) === 'receive' && this.ports.holderOf(attachment.port, id) !== null
    return elsewhere ? entries.filter(({ kind }) => kind !== 'vrf-port') : entries
  }

  /** What the instance has in the kernel already, and the endpoint if it was attached `before`. */
  present(instance: VpnInstance, before: Attachment | null): Entry[] {
    const { routing } = instance
    if (!this.instances.has(routing.config.id)) return []
    return [...routing.instanceEntries(), ...(before === null ? [] : this.ofEndpoint(instance, before))]
  }

  /** Takes back what an endpoint needed; what others need of it stays as they need it. */
  retract(
    instance: VpnInstance,
    { port, mac }: Pick<Attachment, 'port' | 'mac'>,
    entries: readonly Entry[],
  ): void {
    const users = instance.attachments.behind(port)
    this.ports.settle(
      port,
      instance.routing.config.id,
      users.map((user) => this.use(instance, user)),
    )
    const needed = new Map<string, Entry>()
    const dataplane = this.dataplanes.of(instance.type)
    const others = [...this.ports.usersOf(port)]
      .flatMap((id) => this.instances.get(id) ?? [])
      .filter(({ type }) => this.dataplanes.of(type) === dataplane)
    for (const other of new Set([instance, ...others])) {
      const same = other === instance ? other.attachments.of(mac) : []
      for (const attachment of new Set([...other.attachments.behind(port), ...same]))
        for (const entry of this.ofEndpoint(other, attachment)) needed.set(identity(entry), entry)
    }
    this.pending.drop(entries.filter((entry) => !needed.has(identity(entry))))
    for (const entry of entries) {
      const other = needed.get(identity(entry))
      if (other !== undefined) this.dataplanes.want(other)
    }
  }

  /** For a dummy, in which ports are names, none is in the way of another. */
  private use(instance: VpnInstance, attachment: Attachment): PortUse {
    return this.drivers[instance.type] === 'dummy' ? 'receive' : portUse(instance, attachment)
  }

  /** Takes back what an instance needed that is none any more, and `more`. */
  retractInstance({ routing }: VpnInstance, more: readonly Entry[]): void {
    const own = routing.instanceEntries().filter((entry) => {
      const users = this.instanceUsers.get(identity(entry))
      users?.delete(routing.config.id)
      if (users?.size === 0) this.instanceUsers.delete(identity(entry))
      return !this.instanceUsers.has(identity(entry))
    })
    this.pending.drop([...more, ...own])
  }
}
