import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startChanterReflector } from '../../src/lab/chanter.ts'
import { startGobgp } from '../../src/lab/gobgp.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { Frr } from '../support/frr.ts'
import { AS } from './fleet.ts'

/** How a reflector is killed. */
export type Kill = () => Promise<unknown>
/** Starts a reflector of VPNv4 and VPNv6 for these clients; `restarted`: it was here before. */
type Start = (lab: Lab, host: LabHost, clients: readonly LabHost[], restarted: boolean) => Promise<Kill>

const FAMILIES = ['ipv4', 'ipv6'] as const

function killing(process: LabProcess): Kill {
  return () => process.stop('SIGKILL')
}

/** It takes the IPv4-mapped next hops of VPNv6 routes (RFC 4659 §3.2.1.2) with `extended next hop` alone. */
const birdClient = (reflector: string, { address }: LabHost, i: number) => `
protocol bgp client${i} {
  local ${reflector} as ${AS};
  neighbor ${address} as ${AS};
  passive;
  rr client;
  vpn4 mpls { table routes4; import all; export all; };
  vpn6 mpls { table routes6; import all; export all; extended next hop on; };
}
`

const openBgpdClient = ({ address }: LabHost) => `
neighbor ${address} {
  remote-as ${AS}
  passive
  route-reflector
  announce IPv4 none
  announce IPv4 vpn
  announce IPv6 vpn
}
`

/** Where its processes lock themselves into, as Debian's service makes it. */
const OPENBGPD_HOME = '/run/openbgpd'

/** Reflectors as they are without further options: BIRD and OpenBGPD keep the routes of clients that restart, FRR and GoBGP do not. */
export const REFLECTORS = {
  'GoBGP with graceful restart': async (lab, host, clients, restarted) =>
    killing(await startGobgp(lab, host, AS, clients, { gracefulRestart: true, restarted })),
  'GoBGP without': async (lab, host, clients) => killing(await startGobgp(lab, host, AS, clients)),
  BIRD: async (lab, { namespace, address }, clients) => {
    const file = join(lab.directory, 'bird.conf')
    const protocols = clients.map((client, i) => birdClient(address, client, i))
    writeFileSync(
      file,
      `router id ${address};\nvpn4 table routes4;\nvpn6 table routes6;\nprotocol device {}\n${protocols.join('')}`,
    )
    const socket = join(lab.directory, 'bird.ctl')
    return killing(lab.start(namespace, 'bird', 'bird', '-f', '-c', file, '-s', socket))
  },
  OpenBGPD: async (lab, { namespace, address }, clients) => {
    mkdirSync(OPENBGPD_HOME, { recursive: true })
    const file = join(lab.directory, 'openbgpd.conf')
    writeFileSync(
      file,
      `AS ${AS}
router-id ${address}
socket "${join(lab.directory, 'openbgpd.sock')}"
listen on ${address}
fib-update no
nexthop qualify via default
${clients.map(openBgpdClient).join('')}
allow from any
allow to any
`,
      { mode: 0o600 },
    )
    return killing(lab.start(namespace, 'openbgpd', '/usr/sbin/bgpd', '-d', '-f', file))
  },
  FRR: async (lab, host, clients) => {
    const families = FAMILIES.map(
      (family) =>
        ` address-family ${family} vpn\n${clients
          .map(
            ({ address }) => `  neighbor ${address} activate\n  neighbor ${address} route-reflector-client\n`,
          )
          .join('')} exit-address-family\n`,
    )
    const frr = await Frr.start(
      lab,
      host,
      `router bgp ${AS}
 bgp router-id ${host.address}
 no bgp default ipv4-unicast
${clients.map(({ address }) => ` neighbor ${address} remote-as ${AS}\n neighbor ${address} passive\n`).join('')}${families.join('')}`,
    )
    return () => frr.kill()
  },
  chanter: async (lab, host) => killing(await startChanterReflector(lab, host, AS)),
} satisfies Record<string, Start>

export type ReflectorName = keyof typeof REFLECTORS
