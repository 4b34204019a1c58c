import { parseArgs } from 'node:util'
import { removeLabs } from '../src/lab/stale-labs.ts'
import { lossText } from '../test/support/flow.ts'
import { NETWORKS, type NetworkName, OTHER_DAEMONS, SIGNALS, Takeover } from '../test/support/takeover.ts'

/**
 * Measures what a swap of bagpipe-bgp for chanter costs a flow between two VMs, case by case; needs root, bagpipe-bgp and gobgpd, and a
 * build. `--other` is the daemon of the node that is not changed.
 */
const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: Object.keys(NETWORKS).join() },
    signals: { type: 'string', default: SIGNALS.join() },
    other: { type: 'string', default: OTHER_DAEMONS[0] },
  },
})
const other = OTHER_DAEMONS.find((name) => name === values.other)
if (other === undefined) throw new Error(`--other is one of ${OTHER_DAEMONS.join()}, not ${values.other}`)
const names = values.networks.split(',') as NetworkName[]
const signals = SIGNALS.filter((signal) => values.signals.split(',').includes(signal))

removeLabs({ kept: false })
for (const name of names) {
  for (const signal of signals) {
    const takeover = await Takeover.start(name, other)
    try {
      const { flow, stoppingMs, attachedMs, recoveredMs, establishedMs } = await takeover.swap(signal)
      console.log(
        `${name}, ${signal}, the other node has ${other}: ${lossText(flow.thereAndBack)}; bagpipe-bgp took ${stoppingMs} ms to end, the attach was answered ${attachedMs} ms later; from then, session after ${establishedMs} ms, packets after ${recoveredMs} ms`,
      )
    } catch (error) {
      console.log(`${name}, ${signal}: ${(error as Error).message}`)
    } finally {
      takeover.close()
    }
  }
}
