import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request, type Server } from '../client.ts'
import { API_PORT } from '../config/api-address.ts'
import { UNPROTECTED } from '../config/api-options.ts'
import { HOME } from '../home.ts'
import type { Lab } from './lab.ts'
import type { LabHost } from './network.ts'
import type { LabProcess } from './process.ts'

/** The command that an operator types. */
export const CHANTER = fileURLToPath(new URL('bin/chanter', HOME))

/** A running daemon. */
export interface LabDaemon {
  readonly host: LabHost
  readonly process: LabProcess
  readonly api: Server
}

/** The options of bgp.conf by section. */
export type DaemonSettings = Readonly<Record<string, Readonly<Record<string, string | number>>>>

/**
 * Starts the daemon on `host` with the Linux dataplane and the API on all its addresses, optionally by another command such as setpriv(1) and
 * with additional arguments; resolves when it answers.
 */
export async function startChanter(
  lab: Lab,
  host: LabHost,
  settings: DaemonSettings,
  by: readonly string[] = [],
  words: readonly string[] = [],
): Promise<LabDaemon> {
  const api = { host: host.address, port: API_PORT }
  const file = join(lab.directory, `${host.name}.conf`)
  const sections: DaemonSettings = {
    ...settings,
    BGP: { local_address: host.address, ...settings['BGP'] },
    DEFAULT: { state_file: join(lab.directory, `${host.name}.state`), ...settings['DEFAULT'] },
    API: {
      host: host.address.includes(':') ? '::' : '0.0.0.0',
      port: api.port,
      unprotected: UNPROTECTED,
      request_rate: 0,
      ...settings['API'],
    },
    DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux', ...settings['DATAPLANE_DRIVER_EVPN'] },
  }
  writeFileSync(file, formatIni(sections))
  const started = lab.start(
    host.namespace,
    host.name,
    ...by,
    CHANTER,
    'daemon',
    '--config-file',
    file,
    ...words,
  )
  await lab.eventually(`the API of ${host.name} answers`, async () => {
    const { status, body } = await request(api, '/ping')
    return status === 200 ? { value: body } : { seen: `${status} ${body}` }
  })
  return { host, process: started, api }
}

/** Starts `chanter reflector` for clients from any address, its looking glass on the same address; resolves when it answers. */
export async function startChanterReflector(lab: Lab, host: LabHost, as: number): Promise<LabProcess> {
  const api = { host: host.address, port: API_PORT }
  const words = [
    '--as',
    `${as}`,
    '--client',
    '0.0.0.0/0',
    '--router-id',
    host.address,
    '--listen',
    host.address,
  ]
  const started = lab.start(
    host.namespace,
    'reflector',
    CHANTER,
    'reflector',
    ...words,
    '--api',
    `${api.host}:${api.port}`,
    '--api-unprotected',
  )
  await lab.eventually('the reflector answers', async () => {
    const { status, body } = await request(api, '/ping')
    return status === 200 ? { value: body } : { seen: `${status} ${body}` }
  })
  return started
}

export function formatIni(sections: DaemonSettings): string {
  return Object.entries(sections)
    .map(([section, options]) => {
      const lines = Object.entries(options).map(([option, value]) => `${option} = ${value}\n`)
      return `[${section}]\n${lines.join('')}`
    })
    .join('\n')
}
