import { removeLabs } from '../src/lab/stale-labs.ts'
import { lossText } from '../test/support/flow.ts'
import { NETWORKS, type NetworkName, SIGNALS, Takeover } from '../test/support/takeover.ts'

/**
 * Measures what a swap of bagpipe-bgp for chanter costs a flow between two VMs, case by case; needs root, bagpipe-bgp and gobgpd, and a
 * build. Arguments choose among the networks.
 */
const chosen = process.argv.slice(2)
const names = (Object.keys(NETWORKS) as NetworkName[]).filter(
  (name) => chosen.length === 0 || chosen.includes(name),
)
removeLabs({ kept: false })
for (const name of names) {
  for (const signal of SIGNALS) {
    const takeover = await Takeover.start(name)
    try {
      const { flow, attachedMs, recoveredMs, establishedMs } = await takeover.swap(signal)
      console.log(
        `${name}, ${signal}: ${lossText(flow.thereAndBack)}; attached ${attachedMs} ms after the end of bagpipe-bgp; from then, session after ${establishedMs} ms, packets after ${recoveredMs} ms`,
      )
    } catch (error) {
      console.log(`${name}, ${signal}: ${(error as Error).message}`)
    } finally {
      takeover.close()
    }
  }
}
