import { relative } from 'node:path'
import { fetchJson } from '../client.ts'
import { CHANTER, type LabDaemon } from '../lab/chanter.ts'
import type { Lab } from '../lab/lab.ts'
import type { LabHost } from '../lab/network.ts'
import type { LabSite, TwoNodes } from '../lab/two-nodes.ts'
import { fdb, learntMac, learntRoutes, sessionState, vxlanDevice } from '../lab/views.ts'
import { formatMac } from '../values/mac.ts'
import type { Story } from './demo-story.ts'

/** The command line of this program here. */
export const SELF = relative(process.cwd(), CHANTER)

const INSTANCE = 'net1'
const ROUTE_TARGET = '64512:10'
const VNI = 100

/** A site of the demo with its daemon. */
export interface DemoNode extends LabSite {
  readonly daemon: LabDaemon
}

/** The prompt of a command. */
type Machine = Pick<LabHost, 'name' | 'namespace'>

/** The environment of the steps. */
export interface Scene {
  readonly lab: Lab
  readonly network: TwoNodes
  /** The site pairs: each site with the other one. */
  readonly pairs: readonly (readonly [DemoNode, DemoNode])[]
  readonly story: Story
}

/** Runs a command on a machine as an operator would, and shows both. */
async function type(scene: Scene, machine: Machine, ...command: readonly string[]): Promise<void> {
  scene.story.command(machine.name, command.join(' '))
  scene.story.output(await scene.lab.exec(machine.namespace, ...command))
}

export async function showSessions(scene: Scene): Promise<void> {
  const { lab, network, pairs, story } = scene
  story.step('Each node opens a BGP session with the reflector')
  for (const [{ daemon, host }] of pairs) {
    await lab.eventually(`the session of ${host.name} with the reflector is Established`, async () => {
      const seen = await sessionState(daemon.api, network.reflector.address)
      return seen === 'Established' ? { value: seen } : { seen: `state ${seen}` }
    })
  }
  for (const [{ host }] of pairs) await type(scene, host, SELF, 'looking-glass', 'bgp', 'peers')
}

export async function attachVms(scene: Scene): Promise<void> {
  scene.story.step(`Each VM is attached to ${INSTANCE}, as an agent would through REST`)
  for (const [{ host, vm }] of scene.pairs) {
    const options = {
      'vpn-type': 'evpn',
      'vpn-instance-id': INSTANCE,
      port: vm.port,
      mac: formatMac(vm.mac),
      ip: vm.address,
      rt: ROUTE_TARGET,
      vni: VNI,
    }
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    await type(scene, host, SELF, 'attach', ...words)
  }
}

export async function showRoutes({ lab, pairs, story }: Scene): Promise<void> {
  story.step("Each node learns of the other's VM from the reflector")
  for (const [{ daemon, host }, other] of pairs) {
    await lab.eventually(`${host.name} has a route for ${other.vm.name}`, async () => {
      const route = await learntMac(daemon.api, other.vm.mac)
      return route
        ? { value: route }
        : { seen: list((await learntRoutes(daemon.api)).map(({ nlri }) => nlri)) }
    })
  }
  for (const [{ daemon, host }] of pairs) {
    story.command(host.name, `${SELF} looking-glass bgp routes    # those from the reflector:`)
    const routes = await learntRoutes(daemon.api)
    story.output(
      routes
        .map(
          (route) =>
            `${route.nlri}\n    next-hop ${route.next_hop}  ${(route.route_targets ?? []).join(' ')}`,
        )
        .join('\n'),
    )
  }
}

export async function showForwarding(scene: Scene): Promise<void> {
  const { lab, pairs, story } = scene
  story.step(`The kernels forward to each other through VXLAN ${VNI}`)
  for (const [{ host }, other] of pairs) {
    const mac = formatMac(other.vm.mac)
    const device = await lab.eventually(
      `${host.name} has an FDB entry of ${mac} towards ${other.host.address}`,
      async () => {
        const vxlan = await vxlanDevice(host, VNI)
        if (vxlan === undefined) return { seen: `no VXLAN device of VNI ${VNI}` }
        const entries = (await fdb(host)).filter(({ ifname }) => ifname === vxlan)
        const found = entries.some((entry) => entry.mac === mac && entry.dst === other.host.address)
        return found
          ? { value: vxlan }
          : { seen: list(entries.map((entry) => `${entry.mac} dst ${entry.dst}`)) }
      },
    )
    await type(scene, host, 'bridge', 'fdb', 'show', 'dev', device)
  }
}

export async function pingBothWays({ lab, pairs, story }: Scene): Promise<void> {
  story.step('The VMs reach each other')
  for (const [{ vm }, other] of pairs) {
    const command = ['ping', '-c', '3', '-i', '0.2', '-W', '2', other.vm.address.split('/')[0] ?? '']
    story.command(vm.name, command.join(' '))
    const output = await lab.exec(vm.namespace, ...command).catch((error: Error) => {
      throw new Error(`${vm.name} does not reach ${other.vm.name}: ${error.message}`)
    })
    story.output(
      output
        .split('\n')
        .filter((line) => /bytes from|transmitted/.test(line))
        .join('\n'),
    )
  }
}

interface ListedPort {
  readonly endpoints: readonly { readonly mac_address: string; readonly ip_address: string }[]
}

export async function showTable({ pairs, story }: Scene): Promise<void> {
  story.step('Where each MAC and IP lives')
  const nodes = pairs.map(([node]) => node)
  const tables = await Promise.all(nodes.map(({ host }) => fdb(host)))
  const rows = await Promise.all(
    nodes.map(async ({ daemon, vm }) => {
      const mac = formatMac(vm.mac)
      const ports = await fetchJson<Record<string, ListedPort>>(
        daemon.api,
        `/looking-glass/vpns/instances/${INSTANCE}/ports`,
      )
      const endpoint = Object.values(ports)
        .flatMap(({ endpoints }) => endpoints)
        .find(({ mac_address }) => mac_address.toLowerCase() === mac)
      return [mac, endpoint?.ip_address ?? '?', ...tables.map((entries) => place(entries, mac))]
    }),
  )
  story.table([['MAC', 'IP', ...nodes.map(({ host }) => `on ${host.name} (${host.address})`)], ...rows])
}

/** The location of a MAC in an FDB: behind a VTEP, or at a local port. */
function place(entries: Awaited<ReturnType<typeof fdb>>, mac: string): string {
  const own = entries.filter((entry) => entry.mac === mac)
  const remote = own.find(({ dst }) => dst !== undefined)
  return remote ? `VTEP ${remote.dst}` : `port ${own[0]?.ifname ?? '?'}`
}

function list(items: readonly string[]): string {
  return items.length > 0 ? items.join(', ') : 'nothing'
}
