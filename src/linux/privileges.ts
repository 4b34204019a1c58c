import { closeSync, openSync, readFileSync } from 'node:fs'

const CAP_NET_ADMIN = 12n

/** Why this process cannot change any links or routes; null where it can. */
export function netAdminRefusal(status = readFileSync('/proc/self/status', 'utf8')): string | null {
  const [, effective = '0'] = /^CapEff:\s*(\w+)$/m.exec(status) ?? []
  return (BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n
    ? null
    : 'CAP_NET_ADMIN is missing: start it as root, or with that capability (docs/security.md)'
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
