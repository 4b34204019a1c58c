import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from '../../src/client.ts'
import { API_PORT } from '../../src/config/api-address.ts'
import { formatIni, type LabDaemon } from '../../src/lab/chanter.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'

/** Its imports take a minute in a guest on a busy machine. */
const START_SECONDS = 180

const SYSCTL = `#!/bin/sh
case $2 in ?.?.*) name=$(echo "\${2%%=*}" | sed 's/\\(.\\)\\./\\1/g') ;; *) name=\${2%%=*} ;; esac
exec /sbin/sysctl -q -w "$name=\${2#*=}"
`

/** The dataplane drivers of bagpipe-bgp; `mpls` is the interface of its Linux driver for IP VPNs. */
export interface BagpipeDrivers {
  readonly evpn: 'linux' | 'dummy'
  readonly mpls?: string
}

/** Starts bagpipe-bgp on `host`, its API on that address; resolves when it answers. */
export async function startBagpipe(
  lab: Lab,
  host: LabHost,
  reflector: string,
  as: number,
  { evpn, mpls }: BagpipeDrivers,
): Promise<LabDaemon> {
  const api = { host: host.address, port: API_PORT }
  const own = (file: string): string => join(lab.directory, `${host.name}-${file}`)
  const config = own('bagpipe.conf')
  const sections = {
    BGP: { local_address: host.address, peers: reflector, my_as: as },
    API: api,
    // we are root already
    COMMON: { root_helper: 'env' },
    privsep: { helper_command: `privsep-helper --config-file ${config}`, user: 'root', group: 'root' },
    DATAPLANE_DRIVER_IPVPN:
      mpls === undefined
        ? { dataplane_driver: 'dummy' }
        : { dataplane_driver: 'linux', mpls_interface: mpls },
    DATAPLANE_DRIVER_EVPN: { dataplane_driver: evpn },
  }
  writeFileSync(config, formatIni(sections))
  // it insists on `modprobe vxlan`, which fails where the kernel has it built in
  mkdirSync(own('bin'), { recursive: true })
  writeFileSync(join(own('bin'), 'modprobe'), '#!/bin/sh\n', { mode: 0o755 })
  // version 17 puts a dot behind each character of some names
  writeFileSync(join(own('bin'), 'sysctl'), SYSCTL, { mode: 0o755 })
  const path = `PATH=${own('bin')}:${process.env['PATH']}:/usr/sbin:/sbin`
  const command = ['env', path, 'bagpipe-bgp', '--config-file', config]
  const started = lab.start(host.namespace, `bagpipe-${host.name}`, ...command)
  await lab.eventually(
    `bagpipe-bgp on ${host.name} answers`,
    async () => {
      const { status, body } = await request(api, '/ping')
      return status === 200 ? { value: body } : { seen: `${status}` }
    },
    START_SECONDS,
  )
  return { host, process: started, api }
}
