import type { Verification } from '../../src/dataplane/model.ts'
import { statusSummary } from '../../src/rest/status-summary.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { testServices, testViews } from '../support/test-server.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'
import { describe } from './kernel-view.ts'
import type { Node } from './machines.ts'

/** How long a late kernel takes for the answers that a summary needs. */
const ANSWERED_MS = 2000
/** How long a comparison with the kernel may take. */
const VERIFIED_MS = 5000
/** What a daemon without state finds of one before. */
const LEFT = [
  'stale links of chanter',
  'links that bagpipe-bgp left',
  'ports in bridges or VRFs of chanter that no agent has attached',
]

/** What the status of nodes at rest says beyond what is so; nothing where it says that all is well. `isAlive`: whether two machines have a session. */
export async function* untruths(
  clock: VirtualClock,
  nodes: readonly Node[],
  isAlive: (a: Ip, b: Ip) => boolean,
): AsyncIterable<string> {
  for (const node of nodes) {
    const name = formatIp(node.address)
    for (const problem of await problemsOf(clock, node))
      if (!isTrue(problem, node, isAlive)) yield `${name} has a problem: ${problem}`
    yield* verified(clock, node)
  }
}

async function problemsOf(clock: VirtualClock, { daemon }: Node): Promise<readonly string[]> {
  const { speaker, vpns, reconciler } = daemon!
  const views = { ...testViews(speaker, clock), services: testServices(vpns, reconciler) }
  const summary = statusSummary(views, views.now())
  await clock.run(ANSWERED_MS)
  return (await summary).problems
}

function isTrue(
  problem: string,
  { address, site, remembers }: Node,
  isAlive: (a: Ip, b: Ip) => boolean,
): boolean {
  if (LEFT.some((start) => problem.startsWith(start))) return !remembers
  if (/: attached here and (elsewhere|advertised by others)/.test(problem)) return true
  return site.peers.some((peer) => {
    const isAbout = (state: string) => problem.startsWith(`peer ${formatIp(peer)} is ${state}`)
    if (isAbout('in another AS')) return !site.hasPolicy
    return !isAlive(address, peer) && isAbout('down')
  })
}

async function* verified(clock: VirtualClock, { address, daemon }: Node): AsyncIterable<string> {
  const name = formatIp(address)
  const found: Verification[] = []
  void daemon!.reconciler.verifier.verify().then((verification) => found.push(verification))
  await clock.run(VERIFIED_MS)
  if (found.length === 0) yield `${name} does not end its comparison with the kernel`
  for (const { missing, different, extra, failed, pending, stale, faults, unreadable } of found) {
    if (missing + different + extra + failed + pending + stale + unreadable.length === 0) continue
    const counts = JSON.stringify({ missing, different, extra, failed, pending, stale })
    yield `${name} finds in the kernel ${counts} ${faults.map(({ entry }) => describe(entry))}`
  }
}

/** Entries that count as programmed and are not in the kernel; not where the kernel answers late, so that it may have changed meanwhile. */
export function* falseClaims(nodes: readonly Node[]): Iterable<string> {
  for (const { address, daemon, driver, late } of nodes) {
    if (daemon === null || late !== null) continue
    for (const { entry, status } of daemon.reconciler.statuses.entries())
      if (status.state === 'programmed' && !driver.holds(entry))
        yield `${formatIp(address)} counts as programmed: ${describe(entry)}`
  }
}
