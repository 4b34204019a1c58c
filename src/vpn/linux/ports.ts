/** How an instance uses a port: in its bridge or VRF (a port has one of them), or only to send to it. */
export type PortUse = 'alone' | 'receive'

/** The instances that have each port, and their uses of it. */
export class Ports {
  private readonly users = new Map<string, Map<string, PortUse>>()

  /** Returns the conflicting instance, if there is one. */
  claim(port: string, instance: string, use: PortUse): string | null {
    const users = this.users.get(port) ?? new Map<string, PortUse>()
    for (const [other, its] of users)
      if (other !== instance && use === 'alone' && its === 'alone') return other
    users.set(instance, strongest([use, users.get(instance) ?? use]))
    this.users.set(port, users)
    return null
  }

  /** The instance uses the port for `uses` now, and drops its earlier claims. */
  settle(port: string, instance: string, uses: readonly PortUse[]): void {
    const users = this.users.get(port)
    if (uses.length > 0) users?.set(instance, strongest(uses))
    else users?.delete(instance)
    if (users?.size === 0) this.users.delete(port)
  }

  /** The instances that use it at all. */
  usersOf(port: string): Iterable<string> {
    return this.users.get(port)?.keys() ?? []
  }

  /** The other instance that uses it for more than sending to it, if there is one. */
  holderOf(port: string, instance: string): string | null {
    for (const [other, use] of this.users.get(port) ?? [])
      if (other !== instance && use !== 'receive') return other
    return null
  }
}

function strongest(uses: readonly PortUse[]): PortUse {
  return uses.includes('alone') ? 'alone' : 'receive'
}
