import { kernelIdentity } from '../../src/linux/kernel.ts'
import { formatIp } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { EvpnState, SavedState, StateChange } from '../../src/vpn/state.ts'
import { encodeChange, encodeJournal, readState } from '../../src/vpn/state-text.ts'
import { rt } from './speakers.ts'

/** A state file that is not on a disk. */
export class Journal {
  private readonly entries = new Map<string, string>()

  apply(changes: Iterable<StateChange>): this {
    for (const change of changes) {
      const [key, json] = encodeChange(change)
      if (json === undefined) this.entries.delete(key)
      else this.entries.set(key, json)
    }
    return this
  }

  text(): string {
    return encodeJournal(this.entries)
  }
}

/** A journal that holds this state and nothing else. */
export function encodeState(state: SavedState): string {
  return new Journal().apply(changesOf(state)).text()
}

export function decodeState(text: string): SavedState {
  return readState(text).state
}

/** The entries of a whole state. */
export function* changesOf({
  kernel,
  programs,
  instances,
  pending,
  numbers,
}: SavedState): Iterable<StateChange> {
  yield { kind: 'daemon', id: '', value: { kernel } }
  if (programs !== undefined) yield { kind: 'programs', id: '', value: programs }
  for (const { attachments, ...instance } of instances) {
    yield { kind: 'instance', id: instance.id, value: instance }
    for (const one of attachments) {
      const id = `${formatMac(one.mac)} ${one.ip === null ? '-' : formatIp(one.ip)} ${instance.id}`
      yield { kind: 'attachment', id, value: { ...one, instance: instance.id } }
    }
  }
  if (pending.length > 0) yield { kind: 'pending', id: '1', value: pending }
  for (const [range, { next, freed }] of Object.entries(numbers ?? {})) {
    yield { kind: 'next', id: range, value: next }
    for (const one of freed) yield { kind: 'freed', id: `${range} ${one.number}`, value: one }
  }
}

/** Of this kernel: an EVPN instance with one attachment. */
export function stateOf(
  { id, vni, devices }: Pick<EvpnState, 'id' | 'vni' | 'devices'>,
  { mac, port }: Pick<EvpnState['attachments'][number], 'mac' | 'port'>,
): SavedState {
  const attachment = {
    mac,
    ip: null,
    prefixLength: null,
    irb: null,
    port,
    direction: 'both',
    confined: false,
    localPref: null,
    label: 16,
    sticky: false,
    gatewayIp: null,
    hashOrder: 0,
    advertiseSubnet: false,
    rdNumber: null,
    readvertiseRd: null,
    sequence: 0,
    description: null,
  } as const
  const instance: EvpnState = {
    type: 'evpn',
    id,
    number: 1,
    rdNumber: 1,
    vni,
    vniGiven: true,
    suffix: id,
    devices,
    importTargets: [rt('64512:10')],
    exportTargets: [rt('64512:10')],
    gatewayIp: null,
    subnetPrefixLength: null,
    description: null,
    attachments: [attachment],
  }
  return { kernel: kernelIdentity(), pending: [], instances: [instance] }
}
