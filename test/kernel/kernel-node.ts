import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import { Dataplanes } from '../../src/vpn/dataplanes.ts'
import { VpnService } from '../../src/vpn/service.ts'
import { noEvents } from '../support/events.ts'
import { idleSpeaker, ip } from '../support/speakers.ts'
import { testServer, testServices } from '../support/test-server.ts'
import { vpnConfig } from '../support/vpn-config.ts'
import { run } from './namespace.ts'

export const VTEP = '10.99.0.1'

/** The VPN service and its API on the kernel of the namespace that this process is in, without peers. */
export function kernelNode() {
  const driver = new LinuxDriver({ clock: systemClock })
  const reconciler = new Reconciler({ clock: systemClock, driver, events: noEvents })
  const address = ip(VTEP)
  const speaker = idleSpeaker(address)
  const ipvpn = { address, transport: { interface: 'eth0' }, underlay: null, fromAnyone: false }
  const vpns = new VpnService(vpnConfig(address, { ipvpn }), speaker, Dataplanes.shared(reconciler), noEvents)
  reconciler.start()
  const services = testServices(vpns, reconciler)
  const app = testServer({ speaker, clock: systemClock, vpns, views: { services } })

  async function post(what: 'attach' | 'detach', body: object): Promise<string> {
    const { statusCode, body: answer } = await app.inject({
      method: 'POST',
      url: `/${what}_localport`,
      payload: body,
    })
    const parsed: unknown = JSON.parse(answer)
    const { description } = { description: '', ...(parsed as { description?: string } | null) }
    return statusCode === 200 ? '200' : `${statusCode} ${description}`
  }

  return {
    reconciler,
    vpns,
    attach: (body: object) => post('attach', body),
    detach: (body: object) => post('detach', body),
    /** What is wrong with the actual state, in words. */
    async faults(): Promise<string[]> {
      const { faults } = await reconciler.verifier.verify()
      const failures = [...reconciler.statuses.failures()].map(
        ({ entry, status }) => `${entry.kind} on ${entry.device}: ${status.reason}`,
      )
      return [...faults.map(({ fault, entry }) => `${fault} ${entry.kind} on ${entry.device}`), ...failures]
    },
    async close(): Promise<void> {
      speaker.stop('done')
      reconciler.stop()
      await app.close()
      driver.close()
    },
  }
}

export type KernelNode = ReturnType<typeof kernelNode>

/**
 * All links, addresses, neighbours and FDB entries of the namespace, but for what the kernel changes at its own time: timers, queues, which a
 * link has from when it is up first, the multicast groups that it sends to, and the MAC addresses that a bridge learns.
 */
export function kernelState(): string {
  const shown = ['ip -d link', 'ip address', 'ip neigh show nud all', 'bridge -d fdb', 'bridge -d link']
  return shown
    .map(run)
    .join('\n')
    .replaceAll(PASSING, '')
    .replaceAll(/\s+\n/g, '\n')
    .replaceAll(GROUP_OR_LEARNT, '')
}

const GROUP_OR_LEARNT = /^(.* lladdr (33:33|01:00:5e):.*|[\da-f:]{17} dev \S+( vlan \d+)? master \S+)\n/gm
const PASSING = /(hello|tcn|topology_change|gc|message_age|forward_delay|hold)_timer +[\d.]+ *|qdisc \S+ /g
