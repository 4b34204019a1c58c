/** Which instances have which ports. Who has a port for itself shares it with nobody. */
export class Ports {
  private readonly users = new Map<string, Map<string, boolean>>()

  /** Answers with the instance that is in the way, if one is. */
  claim(port: string, instance: string, alone: boolean): string | null {
    const users = this.users.get(port) ?? new Map<string, boolean>()
    for (const [other, isAlone] of users) if (other !== instance && (alone || isAlone)) return other
    users.set(instance, alone || users.get(instance) === true)
    this.users.set(port, users)
    return null
  }

  release(port: string, instance: string): void {
    const users = this.users.get(port)
    users?.delete(instance)
    if (users?.size === 0) this.users.delete(port)
  }
}
