import { closeSync, openSync } from 'node:fs'

/** Of every network namespace; opening it changes nothing. */
const SOME_SETTING = '/proc/sys/net/ipv4/conf/default/forwarding'

/** Why this process cannot write the settings of its network, and what to do; null where it can. */
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
