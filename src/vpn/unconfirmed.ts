import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Attachment } from './attachments.ts'
import type { VpnInstance } from './instance.ts'

type EndpointAddress = Pick<Attachment, 'mac' | 'ip'>

/**
 * Restored attachments that no agent has attached again since the start. Agents attach all their ports again after a start, so one that stays may be of a
 * port that was deleted meanwhile; only an operator knows, so it is shown and never removed.
 */
export class Unconfirmed {
  private readonly restored = new Map<string, Map<Mac, Set<Ip | null>>>()

  restore(instanceId: string, { mac, ip }: EndpointAddress): void {
    const macs = this.restored.get(instanceId) ?? new Map<Mac, Set<Ip | null>>()
    this.restored.set(instanceId, macs)
    macs.set(mac, (macs.get(mac) ?? new Set()).add(ip))
  }

  /** An agent has attached the endpoint; null: whatever its address. */
  confirm(instanceId: string, mac: Mac, ip: Ip | null): void {
    const macs = this.restored.get(instanceId)
    if (ip === null) macs?.delete(mac)
    else macs?.get(mac)?.delete(ip)
  }

  /** Those of an instance that are still attached. */
  *of({ routing, attachments }: VpnInstance): Iterable<Attachment> {
    const macs = this.restored.get(routing.config.id)
    if (macs === undefined) return
    for (const attachment of attachments)
      if (macs.get(attachment.mac)?.has(attachment.ip) === true) yield attachment
  }
}
