/** What an instance has a port for: in its bridge or VRF, of which a port can be in one, or only to be sent to. */
export type PortUse = 'alone' | 'receive'

/** Which instances have which ports, and what for. */
export class Ports {
  private readonly users = new Map<string, Map<string, PortUse>>()

  /** Answers with the instance that is in the way, if one is. */
  claim(port: string, instance: string, use: PortUse): string | null {
    const users = this.users.get(port) ?? new Map<string, PortUse>()
    for (const [other, its] of users)
      if (other !== instance && use === 'alone' && its === 'alone') return other
    users.set(instance, strongest([use, users.get(instance) ?? use]))
    this.users.set(port, users)
    return null
  }

  /** The instance has the port for `uses` now, and no more for what it claimed before. */
  settle(port: string, instance: string, uses: readonly PortUse[]): void {
    const users = this.users.get(port)
    if (uses.length > 0) users?.set(instance, strongest(uses))
    else users?.delete(instance)
    if (users?.size === 0) this.users.delete(port)
  }

  /** The instances that have it for anything. */
  usersOf(port: string): Iterable<string> {
    return this.users.get(port)?.keys() ?? []
  }

  /** The instance other than this one that has it for more than to be sent to, if one has. */
  holderOf(port: string, instance: string): string | null {
    for (const [other, use] of this.users.get(port) ?? [])
      if (other !== instance && use !== 'receive') return other
    return null
  }
}

function strongest(uses: readonly PortUse[]): PortUse {
  return uses.includes('alone') ? 'alone' : 'receive'
}
