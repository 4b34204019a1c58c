/** What an instance has a port for: in a device of ours, of which it can have one, in a bridge that others may share, or only to be sent to. */
export type PortUse = 'alone' | 'shared' | 'receive'

/** Which instances have which ports, and what for. */
export class Ports {
  private readonly users = new Map<string, Map<string, PortUse>>()

  /** Answers with the instance that is in the way, if one is. */
  claim(port: string, instance: string, use: PortUse): string | null {
    const users = this.users.get(port) ?? new Map<string, PortUse>()
    for (const [other, its] of users) if (other !== instance && clash(use, its)) return other
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

  /** Whether an instance other than this one has it for more than to be sent to. */
  isHeld(port: string, instance: string): boolean {
    const users = this.users.get(port) ?? []
    return [...users].some(([other, use]) => other !== instance && use !== 'receive')
  }
}

const STRENGTH: readonly PortUse[] = ['receive', 'shared', 'alone']

function strongest(uses: readonly PortUse[]): PortUse {
  return STRENGTH.findLast((use) => uses.includes(use)) ?? 'receive'
}

function clash(a: PortUse, b: PortUse): boolean {
  return a !== 'receive' && b !== 'receive' && (a === 'alone' || b === 'alone')
}
