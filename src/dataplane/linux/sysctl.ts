import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { isOwned, type Link } from '../driver.ts'
import type { HeldSetting } from '../model.ts'
import { noMpls, type Refusal, settingRefused } from '../refusal.ts'

const ROOT = '/proc/sys/net'

/** The required value of a setting below /proc/sys/net. */
export interface Setting {
  /** `ipv4/conf/tap1/forwarding`. */
  readonly path: string
  readonly value: number
  /** Whether a value suffices; by default only `value` does. */
  readonly fits?: (value: number) => boolean
  /** Why the absence of the setting matters; by default it does not. */
  readonly missing?: Refusal
}

const PLATFORM_LABELS = 'mpls/platform_labels'
const MOST_LABELS = 0xfffff

export function hasMpls(): boolean {
  return read(PLATFORM_LABELS) !== undefined
}

/** Raises the kernel's label limit to this label. */
export function platformLabels(label: number): readonly Setting[] {
  return [{ path: PLATFORM_LABELS, value: MOST_LABELS, fits: (value) => value > label, missing: noMpls }]
}

/** Accepts labelled packets from an interface. */
export function mplsInput(device: string): readonly Setting[] {
  return [{ path: `mpls/conf/${device}/input`, value: 1, missing: noMpls }]
}

/** The settings of a VRF device: packets from the ports arrive by it. */
export function vrfSettings(device: string): readonly Setting[] {
  return [
    { path: `ipv4/conf/${device}/forwarding`, value: 1 },
    reversePath(device),
    // IPv6 has no forwarding for some interfaces only
    { path: IPV6_FORWARDING, value: 1 },
  ]
}

/** The settings of an owned bridge or VXLAN device beside its isolation; where settings cannot be written, the isolation has to suffice. */
export function networkSettings(device: string): readonly Setting[] {
  return isWritable() ? [{ path: `ipv6/conf/${device}/accept_ra`, value: 0 }] : []
}

let writable: boolean | undefined

/** Whether settings can be written: in containers they often cannot. */
function isWritable(): boolean {
  if (writable !== undefined) return writable
  try {
    // not access(2), which leaves out the capabilities of users other than root
    closeSync(openSync(`${ROOT}/ipv4/conf/default/forwarding`, 'r+'))
    writable = true
  } catch {
    writable = false
  }
  return writable
}

const IPV6_FORWARDING = 'ipv6/conf/all/forwarding'

/** Whether the kernel has IPv6: one that was booted with `ipv6.disable=1` has not. */
export function hasIpv6(): boolean {
  return read(IPV6_FORWARDING) !== undefined
}

/** Whether the host forwards IPv6 already. */
export function forwardsIpv6(): boolean {
  return read(IPV6_FORWARDING) !== 0
}

/** Settings by which services of the host accept traffic that arrives by VRFs, for their gateways' addresses. */
export function servicesOpenToVrfs(): string[] {
  const paths = ['ipv4/tcp_l3mdev_accept', 'ipv4/udp_l3mdev_accept']
  return paths.filter((path) => read(path) === 1).map(nameOf)
}

/** Whether an interface ignores IPv6. */
export function isIpv6Disabled(device: string): boolean {
  return read(`ipv6/conf/${device}/disable_ipv6`) !== 0
}

/** Removes all IPv6 addresses and routes of an interface, its neighbours too. */
export function flushIpv6(device: string): void {
  const path = `ipv6/conf/${device}/disable_ipv6`
  if (read(path) !== 0) return
  write(path, 1)
  write(path, 0)
}

/** The settings of a port of a VRF, to be the gateway of its VMs and to answer for all others. */
function portSettings(device: string): readonly Setting[] {
  return [
    { path: `ipv4/conf/${device}/forwarding`, value: 1 },
    { path: `ipv4/conf/${device}/proxy_arp`, value: 1 },
    independentAddresses(device),
    reversePath(device),
    { path: `ipv4/neigh/${device}/proxy_delay`, value: 0 },
    { path: `ipv6/conf/${device}/accept_ra`, value: 0 },
    { path: `ipv6/conf/${device}/forwarding`, value: 1 },
    { path: `ipv6/conf/${device}/proxy_ndp`, value: 1 },
    { path: `ipv6/neigh/${device}/proxy_delay`, value: 0 },
  ]
}

/** The settings of an owned device as a port of a VRF: it is the gateway, possibly one among others of the same address, and answers for no other address. */
function gatewaySettings(device: string): readonly Setting[] {
  return [
    { path: `ipv4/conf/${device}/forwarding`, value: 1 },
    { path: `ipv4/conf/${device}/proxy_arp`, value: 0 },
    independentAddresses(device),
    reversePath(device),
    { path: `ipv6/conf/${device}/accept_dad`, value: 0 },
    { path: `ipv6/conf/${device}/accept_ra`, value: 0 },
    { path: `ipv6/conf/${device}/forwarding`, value: 1 },
    { path: `ipv6/conf/${device}/proxy_ndp`, value: 0 },
  ]
}

/** The settings that a port of a VRF needs. */
export function portSettingsOf(link: Pick<Link, 'name' | 'owned'>): readonly Setting[] {
  return isOwned(link) ? gatewaySettings(link.name) : portSettings(link.name)
}

/** The first address of a subnet does not take the others with it when it goes. */
function independentAddresses(device: string): Setting {
  return { path: `ipv4/conf/${device}/promote_secondaries`, value: 1 }
}

/** Loose instead of strict: a VRF's packets may return by another path than they came (RFC 3704 §2.4). */
function reversePath(device: string): Setting {
  const strict = 1
  const ofAll = () => read('ipv4/conf/all/rp_filter') ?? 0
  return {
    path: `ipv4/conf/${device}/rp_filter`,
    value: 2,
    fits: (value) => Math.max(value, ofAll()) !== strict,
  }
}

/** An interface that gets its addresses and routes from routers keeps doing so though the host forwards. */
export function keepRouterAdvertisements(device: string): void {
  const accepted = 1
  const acceptedThoughForwarding = 2
  const path = `ipv6/conf/${device}/accept_ra`
  const forwards = read(`ipv6/conf/${device}/forwarding`) !== 0
  if (!forwards && read(path) === accepted) write(path, acceptedThoughForwarding)
}

export function fits(settings: readonly Setting[]): boolean {
  return settings.every((setting) => isMet(setting, read(setting.path)))
}

/** Settings of interfaces, and their values before this process changed them. */
export class Sysctls {
  private readonly before = new Map<string, { readonly index: number; readonly value: number }>()

  /** Changes the settings that differ; returns why that was not possible, if it was not. */
  apply(settings: readonly Setting[], index: number): Refusal | null {
    for (const setting of settings) {
      const { path, value, missing } = setting
      const actual = read(path)
      if (isMet(setting, actual)) continue
      if (actual === undefined) return missing ?? null
      const reason = write(path, value)
      if (reason !== null) return settingRefused(`${ROOT}/${path}`, actual, value, reason)
      if (this.before.get(path)?.index !== index) this.before.set(path, { index, value: actual })
    }
    return null
  }

  /** The present and earlier values of settings, under the names that people use. */
  held(settings: readonly Setting[]): HeldSetting[] {
    return settings.flatMap((setting) => {
      const value = read(setting.path)
      if (value === undefined) return []
      const before = this.before.get(setting.path)?.value ?? value
      return [{ name: nameOf(setting.path), value, before, fits: isMet(setting, value) }]
    })
  }

  /** Records the values of settings, for `restore`. */
  remember(settings: readonly Setting[], index: number): void {
    for (const { path } of settings) {
      const value = read(path)
      if (value !== undefined) this.before.set(path, { index, value })
    }
  }

  /** Restores the earlier values of settings, or if they are unknown, the defaults of a new interface. */
  restore(device: string, settings: readonly Setting[], index: number): void {
    for (const { path } of settings) {
      const value = this.take(path, index) ?? read(path.replace(`/${device}/`, '/default/'))
      if (value !== undefined && read(path) !== value) write(path, value)
    }
  }

  /** Restores the earlier values of settings that this process changed. */
  undo(settings: readonly Setting[], index: number): void {
    for (const { path } of settings) {
      const value = this.take(path, index)
      if (value !== undefined) write(path, value)
    }
  }

  private take(path: string, index: number): number | undefined {
    const before = this.before.get(path)
    this.before.delete(path)
    return before?.index === index ? before.value : undefined
  }
}

/** As in sysctl(8): dots between the parts, and a slash for the dot of an interface's name. */
function nameOf(path: string): string {
  return `net.${path.replaceAll(/[./]/g, (sign) => (sign === '.' ? '/' : '.'))}`
}

function isMet({ value, fits, missing }: Setting, actual: number | undefined): boolean {
  if (actual === undefined) return missing === undefined
  return fits === undefined ? actual === value : fits(actual)
}

/** Undefined when there is no such setting. */
function read(path: string): number | undefined {
  try {
    return Number(readFileSync(`${ROOT}/${path}`, 'utf8'))
  } catch {
    return undefined
  }
}

function write(path: string, value: number): string | null {
  try {
    writeFileSync(`${ROOT}/${path}`, `${value}`)
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}
