import { isPortEntry } from '../../src/dataplane/kinds/index.ts'
import type { MemoryDriver } from '../../src/dataplane/memory/driver.ts'
import type { Agent } from './agent.ts'

/** Reports bridges and VRFs that a daemon deletes with ports in them that the agent wants there. */
export function watchDeletions(driver: MemoryDriver, agent: Agent, report: (fault: string) => void): void {
  const remove = driver.removeDevice.bind(driver)
  driver.removeDevice = (entry) => {
    const ports = isPortEntry(entry) ? [] : driver.portsOf(entry.device).map(({ name }) => name)
    const alias = driver.link(entry.device)?.alias
    for (const { instanceId, port } of agent.wanted.values())
      if (alias === `chanter:${instanceId}` && ports.some((name) => name === port))
        report(`deletes ${entry.device}, with ${port} of ${instanceId} in it`)
    return remove(entry)
  }
}
