import type { Driver } from '../driver.ts'
import { type AskingSteps, answerTo } from '../eventual.ts'
import type { NamedTable } from '../kernel-queries.ts'

/** See `DataplaneQueries.vrfLeftWith`. */
export function* vrfLeftWith(
  port: string,
  bridge: string | null,
  driver: Driver,
): AskingSteps<NamedTable | undefined> {
  const inBridge = bridge === null ? [] : yield* answerTo(driver.portsOf(bridge))
  const ports = bridge === null ? [port] : inBridge.flatMap(({ pair }) => pair ?? [])
  for (const name of ports) {
    const master = (yield* answerTo(driver.link(name)))?.master ?? null
    const vrf = master === null ? undefined : yield* answerTo(driver.link(master))
    if (vrf?.owned && vrf.alias === null && vrf.table !== null) return { name: vrf.name, table: vrf.table }
  }
  return undefined
}
