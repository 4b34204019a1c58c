import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import type { LabHost } from './network.ts'
import type { LabProcess } from './process.ts'

const FAMILIES = ['l2vpn-evpn', 'l3vpn-ipv4-unicast', 'l3vpn-ipv6-unicast', 'l3vpn-ipv4-flowspec', 'rtc']

export interface GobgpOptions {
  /** Keep the routes of clients that restart, and ask them to keep ours (RFC 4724, RFC 8538). */
  readonly gracefulRestart?: boolean
  /** Send all paths of a route, and accept as many (RFC 7911). */
  readonly addPath?: boolean
  /** It is a restart: clients have kept its routes. */
  readonly restarted?: boolean
}

/** gobgpd's configuration of a route reflector that waits for its clients. */
export function gobgpConfig(
  as: number,
  reflector: string,
  clients: readonly string[],
  { gracefulRestart = false, addPath = false }: GobgpOptions = {},
): string {
  const restart = gracefulRestart ? '  mp-graceful-restart.config = { enabled = true }\n' : ''
  const paths = addPath ? '  add-paths.config = { send-max = 8, receive = true }\n' : ''
  const families = FAMILIES.map(
    (name) => `[[neighbors.afi-safis]]\n  config = { afi-safi-name = "${name}" }\n${restart}${paths}`,
  ).join('')
  const keeps =
    '  graceful-restart.config = { enabled = true, restart-time = 120, notification-enabled = true }\n'
  const neighbours = clients.map(
    (address) => `
[[neighbors]]
  config = { neighbor-address = "${address}", peer-as = ${as} }
  transport.config = { passive-mode = true }
  route-reflector.config = { route-reflector-client = true, route-reflector-cluster-id = "${reflector}" }
${gracefulRestart ? keeps : ''}${families}`,
  )
  return `[global]\n  config = { as = ${as}, router-id = "${reflector}" }\n${neighbours.join('')}`
}

/** Starts gobgpd as the reflector of `clients`; resolves when it answers. */
export async function startGobgp(
  lab: Lab,
  reflector: LabHost,
  as: number,
  clients: readonly LabHost[],
  options: GobgpOptions = {},
): Promise<LabProcess> {
  const file = join(lab.directory, 'gobgpd.conf')
  const addresses = clients.map(({ address }) => address)
  writeFileSync(file, gobgpConfig(as, reflector.address, addresses, options))
  const words = ['--pprof-disable', ...(options.restarted === true ? ['-r'] : []), '-f', file]
  const started = lab.start(reflector.namespace, 'gobgpd', 'gobgpd', ...words)
  await lab.eventually('gobgpd answers', async () => ({ value: await gobgp(lab, reflector, 'neighbor') }))
  return started
}

/** Runs the gobgp command on the reflector's machine and returns its output. */
export function gobgp(lab: Lab, reflector: LabHost, ...args: readonly string[]): Promise<string> {
  return lab.exec(reflector.namespace, 'gobgp', ...args)
}
