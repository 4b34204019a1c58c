import { formatIp } from '../values/address.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import type { Attachment } from './attachments.ts'
import { attachmentState, identityState, type VpnInstance } from './instance.ts'
import type { StateChange, StateKind, Value } from './state.ts'

/** Entries of the state that have changed since the last `take`. */
export class ChangedState {
  private readonly changed = new Map<string, StateChange>()
  private readonly instances: ReadonlyMap<string, VpnInstance>

  /** `instances` is a live view. */
  constructor(instances: ReadonlyMap<string, VpnInstance>) {
    this.instances = instances
  }

  take(): StateChange[] {
    const changes = [...this.changed.values()]
    this.changed.clear()
    return changes
  }

  /** An entry has changed; `read` returns its value when it is written, undefined where it is gone. One that throws affects no other entry. */
  touch<K extends StateKind>(kind: K, id: string, read: () => Value<K> | undefined): void {
    const change = {
      kind,
      id,
      get value() {
        return read()
      },
    }
    this.changed.set(`${kind} ${id}`, change as StateChange)
  }

  /** An instance was added, removed or changed. */
  instance(id: string): void {
    this.touch('instance', id, () => {
      const instance = this.instances.get(id)
      return instance && identityState(instance)
    })
  }

  /** An attachment was added, removed or changed. */
  attachment(id: string, { mac, ip }: Pick<Attachment, 'mac' | 'ip'>): void {
    this.touch('attachment', `${formatMac(mac)} ${ip === null ? '-' : formatIp(ip)} ${id}`, () => {
      const instance = this.instances.get(id)
      const attachment = instance?.attachments.get(mac, ip)
      return instance && attachment && { ...attachmentState(instance, attachment), instance: id }
    })
  }

  /** All attachments of a MAC address changed: they share its sequence. */
  mac(id: string, mac: Mac): void {
    for (const attachment of this.instances.get(id)?.attachments.of(mac) ?? [])
      this.attachment(id, attachment)
  }
}
