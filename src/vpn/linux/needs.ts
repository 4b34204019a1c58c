import { identity } from '../../dataplane/kinds/index.ts'
import type { Entry } from '../../dataplane/model.ts'
import { ensure } from '../../values/map.ts'
import type { Attachment } from '../attachments.ts'
import type { Dataplanes } from '../dataplanes.ts'
import { instanceEntries, portUse, type VpnInstance } from '../instance.ts'
import type { Drivers } from '../instances.ts'
import type { PendingOperations } from '../pending-operations.ts'
import type { IrbInterfaces } from './irb-interfaces.ts'
import { Ports, type PortUse } from './ports.ts'

export interface NeedsDependencies {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  readonly irbs: IrbInterfaces
  readonly pending: PendingOperations
  readonly dataplanes: Dataplanes
  readonly drivers: Drivers
}

/** The entries that instances and their endpoints need. Several may need the same one: it is removed with the last of them. */
export class Needs {
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly irbs: IrbInterfaces
  private readonly pending: PendingOperations
  private readonly dataplanes: Dataplanes
  private readonly drivers: Drivers
  private readonly ports = new Ports()
  /** The instances that need an entry for themselves, by the entry's identity. */
  private readonly instanceUsers = new Map<string, Set<string>>()

  constructor({ instances, irbs, pending, dataplanes, drivers }: NeedsDependencies) {
    this.instances = instances
    this.irbs = irbs
    this.pending = pending
    this.dataplanes = dataplanes
    this.drivers = drivers
  }

  /** Adds the instance and the entries that it needs. */
  enter(instance: VpnInstance): void {
    for (const entry of instanceEntries(instance))
      ensure(this.instanceUsers, identity(entry), () => new Set()).add(instance.routing.config.id)
  }

  /** Claims the port for the attachment. Returns the conflicting instance, if there is one. */
  claimPort(instance: VpnInstance, attachment: Attachment): string | null {
    return this.ports.claim(attachment.port, instance.routing.config.id, this.use(instance, attachment))
  }

  /** The other instance that uses the port for more than sending to it, if there is one. */
  holderOf(port: string, instance: string): string | null {
    return this.ports.holderOf(port, instance)
  }

  /** A port that an attachment only sends to stays with the instance that has it. */
  ofEndpoint(instance: VpnInstance, attachment: Attachment): Entry[] {
    const entries = this.irbs.endpointEntries(instance, attachment)
    const { id } = instance.routing.config
    const elsewhere =
      this.use(instance, attachment) === 'receive' && this.ports.holderOf(attachment.port, id) !== null
    return elsewhere ? entries.filter(({ kind }) => kind !== 'vrf-port') : entries
  }

  /** The entries of the instance, and of the endpoint if it was attached `before`. */
  present(instance: VpnInstance, before: Attachment | null): Entry[] {
    if (!this.instances.has(instance.routing.config.id)) return []
    return [...instanceEntries(instance), ...(before === null ? [] : this.ofEndpoint(instance, before))]
  }

  /** Removes the entries of an endpoint; entries that others need stay. */
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

  /** With the dummy driver, ports are only names and never conflict. */
  private use(instance: VpnInstance, attachment: Attachment): PortUse {
    return this.drivers[instance.type] === 'dummy' ? 'receive' : portUse(instance, attachment)
  }

  /** Removes the entries of an ended instance, and `more`. */
  retractInstance(instance: VpnInstance, more: readonly Entry[]): void {
    const own = instanceEntries(instance).filter((entry) => {
      const users = this.instanceUsers.get(identity(entry))
      users?.delete(instance.routing.config.id)
      if (users?.size === 0) this.instanceUsers.delete(identity(entry))
      return !this.instanceUsers.has(identity(entry))
    })
    this.pending.drop([...more, ...own])
  }
}
