import type { DetachRequest } from './request.ts'

/** As many as an agent detaches while a large VPN is deleted. */
const MOST = 10_000

/** Recently detached endpoints: agents detach some twice when a port is deleted, which is no error. */
export class Detached {
  /** The oldest first. */
  private readonly keys = new Set<string>()

  add(request: Pick<DetachRequest, 'instanceId' | 'mac' | 'ip'>): void {
    const key = keyOf(request)
    this.keys.delete(key)
    this.keys.add(key)
    const [oldest] = this.keys
    if (this.keys.size > MOST && oldest !== undefined) this.keys.delete(oldest)
  }

  has(request: Pick<DetachRequest, 'instanceId' | 'mac' | 'ip'>): boolean {
    return this.keys.has(keyOf(request))
  }
}

/** Null: the wildcard, whatever its address. */
function keyOf({ instanceId, mac, ip }: Pick<DetachRequest, 'instanceId' | 'mac' | 'ip'>): string {
  return `${mac} ${ip ?? ''} ${instanceId}`
}
