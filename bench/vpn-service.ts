import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PersistentClock, systemClock } from '../src/clock.ts'
import { NO_FORMER_WORK } from '../src/dataplane/driver.ts'
import { type Forwarding, kernelForwarding } from '../src/dataplane/forwarding.ts'
import { Dataplanes } from '../src/vpn/dataplanes.ts'
import { VpnService } from '../src/vpn/service.ts'
import { StateFile } from '../src/vpn/state-file.ts'
import { noEvents } from '../test/support/events.ts'
import { attachRequest } from '../test/support/node.ts'
import { idleSpeaker, ip, rt } from '../test/support/speakers.ts'
import { vpnConfig } from '../test/support/vpn-config.ts'

/** The address of the node. */
export const VTEP = '10.99.0.1'

export const benchClock = new PersistentClock(systemClock, (error) => {
  throw error
})

/** The kernel's forwarding, in a thread of its own. */
export function threadForwarding(): Forwarding {
  const died = (reason: string) => {
    throw new Error(reason)
  }
  return kernelForwarding({
    clock: benchClock,
    events: noEvents,
    former: NO_FORMER_WORK,
    managesRules: false,
    resyncMs: 0,
    died,
  })
}

/** Creates the address of the node and its taps in the present network namespace. */
export function addTaps(names: readonly string[]): void {
  const lines = names.map((name) => `tuntap add dev ${name} mode tap\nlink set ${name} up\n`).join('')
  execFileSync('ip', ['-batch', '-'], { input: `address add ${VTEP}/32 dev lo\n${lines}` })
}

/** The request for a port in a network; the number of the port gives its name, its MAC and its address. */
export const requestOf = (port: number, network: number) =>
  attachRequest({
    instanceId: `network-${network}`,
    vni: 10_000 + network,
    importTargets: [rt(`64512:${network}`)],
    exportTargets: [rt(`64512:${network}`)],
    port: `tap${port}`,
    mac: 0x020000000000 + port,
    ip: { ip: ip(`192.168.${port >> 8}.${port & 255}`), prefixLength: 16 },
  })

export function detachOf({ instanceId, type, mac, ip: address }: ReturnType<typeof requestOf>) {
  return { instanceId, type, mac, ip: address?.ip ?? null }
}

/** The service of a node without peers. Its state file, in a directory of its own below `parent`, is synced before each answer. */
export function openVpnService(forwarding: Forwarding, parent = tmpdir()) {
  const directory = mkdtempSync(join(parent, 'chanter-bench-'))
  const speaker = idleSpeaker(ip(VTEP))
  const file = new StateFile(join(directory, 'state'), systemClock, noEvents)
  const vpns: VpnService = new VpnService(
    vpnConfig(ip(VTEP)),
    speaker,
    Dataplanes.shared(forwarding.dataplane),
    noEvents,
    (durability) => file.save(() => vpns.changes(), durability),
  )
  forwarding.start()
  forwarding.complete()
  const close = async () => {
    await forwarding.stop()
    await file.close()
    rmSync(directory, { recursive: true })
  }
  return { vpns, directory, close }
}

/** Milliseconds of many runs: their quantiles, and the largest. */
export function quantiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (quantile: number) =>
    (sorted[Math.floor(quantile * (sorted.length - 1))] ?? Number.NaN).toFixed(2).padStart(8)
  return `p50${at(0.5)}  p95${at(0.95)}  p99${at(0.99)}  max${at(1)}`
}
