import { identity } from '../dataplane/kinds/index.ts'
import type { Entry } from '../dataplane/model.ts'
import { ensure } from '../values/map.ts'
import type { Attachment } from './attachments.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { Footprint } from './footprint.ts'
import { type Instance, portUse } from './instance.ts'
import type { Drivers } from './instances.ts'
import type { Plugs } from './plugs.ts'
import { Ports, type PortUse } from './ports.ts'

export interface NeedsParts {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, Instance>
  readonly plugs: Plugs
  readonly footprint: Footprint
  readonly dataplanes: Dataplanes
  readonly drivers: Drivers
}

/** What instances and their endpoints need in the kernel. Several may need the same: it goes with the last of them. */
export class Needs {
  private readonly instances: ReadonlyMap<string, Instance>
  private readonly plugs: Plugs
  private readonly footprint: Footprint
  private readonly dataplanes: Dataplanes
  private readonly drivers: Drivers
  private readonly ports = new Ports()
  /** The instances that need something for themselves, by its place. */
  private readonly networks = new Map<string, Set<string>>()

  constructor({ instances, plugs, footprint, dataplanes, drivers }: NeedsParts) {
    this.instances = instances
    this.plugs = plugs
    this.footprint = footprint
    this.dataplanes = dataplanes
    this.drivers = drivers
  }

  /** The instance is there, and with it the need for its network. */
  enter({ vpn }: Instance): void {
    for (const entry of vpn.networkEntries())
      ensure(this.networks, identity(entry), () => new Set()).add(vpn.config.id)
  }

  /** Has the port for the attachment. Answers with the instance that is in the way, if one is. */
  claimPort(instance: Instance, attachment: Attachment): string | null {
    return this.ports.claim(attachment.port, instance.vpn.config.id, this.use(instance, attachment))
  }

  /** The instance other than this one that has the port for more than to be sent to, if one has. */
  holderOf(port: string, instance: string): string | null {
    return this.ports.holderOf(port, instance)
  }

  /** A port that an attachment only sends to stays where another instance has it. */
  ofEndpoint(instance: Instance, attachment: Attachment): Entry[] {
    const entries = this.plugs.endpointEntries(instance, attachment)
    const { id } = instance.vpn.config
    const elsewhere =
      this.use(instance, attachment) === 'receive' && this.ports.holderOf(attachment.port, id) !== null
    return elsewhere ? entries.filter(({ kind }) => kind !== 'vrf-port') : entries
  }

  /** What the instance has in the kernel already, and the endpoint if it was attached `before`. */
  present(instance: Instance, before: Attachment | null): Entry[] {
    const { vpn } = instance
    if (!this.instances.has(vpn.config.id)) return []
    return [...vpn.networkEntries(), ...(before === null ? [] : this.ofEndpoint(instance, before))]
  }

  /** Takes back what an endpoint needed; what others need of it stays as they need it. */
  retract(
    instance: Instance,
    { port, mac }: Pick<Attachment, 'port' | 'mac'>,
    entries: readonly Entry[],
  ): void {
    const users = instance.attachments.behind(port)
    this.ports.settle(
      port,
      instance.vpn.config.id,
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
    this.footprint.drop(entries.filter((entry) => !needed.has(identity(entry))))
    for (const entry of entries) {
      const other = needed.get(identity(entry))
      if (other !== undefined) this.dataplanes.want(other)
    }
  }

  /** For a dummy, in which ports are names, none is in the way of another. */
  private use(instance: Instance, attachment: Attachment): PortUse {
    return this.drivers[instance.type] === 'dummy' ? 'receive' : portUse(instance, attachment)
  }

  /** Takes back what an instance needed that is none any more, and `more`. */
  retractNetwork({ vpn }: Instance, more: readonly Entry[]): void {
    const own = vpn.networkEntries().filter((entry) => {
      const users = this.networks.get(identity(entry))
      users?.delete(vpn.config.id)
      if (users?.size === 0) this.networks.delete(identity(entry))
      return !this.networks.has(identity(entry))
    })
    this.footprint.drop([...more, ...own])
  }
}
