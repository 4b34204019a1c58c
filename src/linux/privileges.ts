import { closeSync, openSync } from 'node:fs'
import { readProc } from './proc.ts'

/** Bits of capabilities(7). */
const CAPABILITIES = {
  CAP_NET_BIND_SERVICE: 10n,
  CAP_NET_ADMIN: 12n,
  CAP_SYS_ADMIN: 21n,
  CAP_BPF: 39n,
} as const
export type Capability = keyof typeof CAPABILITIES

const ownStatus = (): string => readProc('/proc/self/status')

/** Whether this process has a capability at present. */
export function hasCapability(capability: Capability, status = ownStatus()): boolean {
  const [, effective = '0'] = /^CapEff:\s*(\w+)$/m.exec(status) ?? []
  return ((BigInt(`0x${effective}`) >> CAPABILITIES[capability]) & 1n) === 1n
}

/** Why this process cannot change any links or routes; null where it can. */
export function netAdminRefusal(status = ownStatus()): string | null {
  return hasCapability('CAP_NET_ADMIN', status)
    ? null
    : 'CAP_NET_ADMIN is missing: start it as root, or with that capability (docs/security.md)'
}

/** Why the kernel refuses a BPF program with EPERM. */
export function bpfRefusal(status = ownStatus()): string {
  return hasCapability('CAP_BPF', status) || hasCapability('CAP_SYS_ADMIN', status)
    ? 'a seccomp profile, as that of Podman, or a user namespace keeps CAP_BPF from working (docs/security.md)'
    : 'CAP_BPF is missing'
}

/** The lowest port that every process may listen on. */
export function firstFreePort(): number {
  return Number(readProc('/proc/sys/net/ipv4/ip_unprivileged_port_start'))
}

/** Of every network namespace; opening it changes nothing. */
const SOME_SETTING = '/proc/sys/net/ipv4/conf/default/forwarding'

/** Why this process cannot write the settings of its network, and the remedy; null where it can. */
export function settingsRefusal(path = SOME_SETTING): string | null {
  try {
    // not access(2), which leaves out the capabilities of users other than root
    closeSync(openSync(path, 'r+'))
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EROFS'
      ? '/proc/sys is read-only, and VRFs need settings there: run the container with --security-opt systempaths=unconfined (Podman: unmask=ALL)'
      : `${path} cannot be written (${code}), and VRFs need settings there: is CAP_NET_ADMIN missing?`
  }
}
