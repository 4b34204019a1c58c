import { execFileSync } from 'node:child_process'
import { systemClock } from '../src/clock.ts'
import { Reconciler } from '../src/dataplane/engine/reconciler.ts'
import { LinuxDriver } from '../src/dataplane/linux/driver.ts'
import type { Entry } from '../src/dataplane/model.ts'
import * as libc from '../src/linux/libc.ts'
import { ipv4FromNumber } from '../src/values/address.ts'
import { noEvents } from '../test/support/events.ts'

/**
 * Networks that leave all at once, each a bridge and a VXLAN device: how long until they are gone, against what the kernel takes for
 * `ip link del group` of the same links, and how long an attachment to a new network takes meanwhile. Needs root; everything happens in a network namespace of its own.
 *   npx tsx bench/detach.ts [NETWORKS...]
 */

const CLONE_NEWNET = 0x40000000
const GROUP = '4711'
/** A new attachment comes so long after the last one was programmed. */
const PAUSE_MS = 100
/** Number of the last network with an attachment meanwhile. */
let attached = 1_000_000

function network(n: number): Entry[] {
  const [bridge, vxlan, alias] = [`br${n}`, `vx${n}`, `chanter:net${n}`]
  const local = ipv4FromNumber(0x7f000001)
  return [
    { kind: 'bridge', device: bridge, alias, given: false },
    { kind: 'vxlan', device: vxlan, alias, vni: n, local, port: 4789, mtu: null, underlay: null },
    { kind: 'port', device: vxlan, bridge, given: false, learning: false, neighSuppress: true },
  ]
}

async function want(reconciler: Reconciler, entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) reconciler.want(entry)
  const open = await reconciler.settled(entries)
  if (open.length > 0) throw new Error(`not in place: ${JSON.stringify(open[0])}`)
}

function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', maxBuffer: 1 << 28 })
}

/** Milliseconds that one request takes which deletes all of the links. */
async function kernelMs(count: number): Promise<number> {
  const { driver, reconciler } = open()
  await want(reconciler, networks(count))
  reconciler.stop()
  driver.close()
  const links = networks(count).flatMap(({ kind, device }) => (kind === 'port' ? [] : [device]))
  execFileSync('ip', ['-batch', '-'], {
    input: links.map((link) => `link set ${link} group ${GROUP}`).join('\n'),
  })
  const from = performance.now()
  ip('link', 'del', 'group', GROUP)
  return performance.now() - from
}

function networks(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => network(i + 1)).flat()
}

function open() {
  const driver = new LinuxDriver({ clock: systemClock })
  const reconciler = new Reconciler({ clock: systemClock, driver, events: noEvents })
  reconciler.start()
  return { driver, reconciler }
}

interface Figures {
  readonly gone: number
  readonly vxlansGone: number
  readonly attachments: readonly number[]
}

async function chanter(count: number): Promise<Figures> {
  const { driver, reconciler } = open()
  const entries = networks(count)
  await want(reconciler, entries)
  const attachments: number[] = []
  const from = performance.now()
  for (const entry of entries.toReversed()) reconciler.unwant(entry)
  let isGone = false
  const vxlansGone = reconciler
    .gone(entries.filter(({ kind }) => kind === 'vxlan'))
    .then(() => performance.now() - from)
  const gone = reconciler.gone(entries).then(() => {
    isGone = true
    return performance.now() - from
  })
  while (!isGone) {
    // a deletion that is in progress holds up the timer, and so the attachment
    const due = performance.now() + PAUSE_MS
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    await want(reconciler, network(++attached))
    attachments.push(performance.now() - due)
  }
  const figures = { gone: await gone, vxlansGone: await vxlansGone, attachments }
  reconciler.stop()
  driver.close()
  return figures
}

function percentile(values: readonly number[], share: number): number {
  return (
    values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
    Number.NaN
  )
}

libc.checked(libc.unshare(CLONE_NEWNET), 'unshare')
ip('link', 'set', 'lo', 'up')
const counts = process.argv.slice(2).map(Number)
for (const count of counts.length > 0 ? counts : [100, 1000]) {
  const kernel = await kernelMs(count)
  const { gone, vxlansGone, attachments } = await chanter(count)
  const ms = (value: number) => `${value.toFixed(0)} ms`
  process.stdout.write(
    `${count} networks: kernel, by one request, ${ms(kernel)}; chanter ${ms(gone)}, VXLAN devices ${ms(vxlansGone)}, ratio ${(gone / kernel).toFixed(2)}; ` +
      `${attachments.length} attachments meanwhile: p50 ${ms(percentile(attachments, 0.5))}, p99 ${ms(percentile(attachments, 0.99))}\n`,
  )
}
