import { existsSync } from 'node:fs'
import { API_HOST, API_PORT } from '../../../src/config/api-address.ts'
import { variableOf } from '../../../src/config/environment.ts'
import { type DaemonSettings, formatIni } from '../../../src/lab/chanter.ts'
import { type GobgpOptions, gobgpConfig } from '../../../src/lab/gobgp.ts'
import { AS, type Daemon, type Node } from './scenario.ts'

/** Whether the kernel forwards labelled packets; where it does not, IP VPNs are tested by their routes alone. */
export const HAS_MPLS = existsSync('/proc/sys/net/mpls')

const NOTHING = { environment: {}, files: {} } as const

/** A node with chanter, configured by environment variables alone; `options` are by section, as in bgp.conf. */
export function chanter(address: string, options: DaemonSettings = {}): Node {
  return {
    address,
    daemon: (directory): Daemon => ({
      image: 'chanter',
      program: 'chanter',
      args: () => ['daemon'],
      environment: variables({
        ...options,
        BGP: { local_address: address, my_as: AS, connect_retry_time: 1, ...options['BGP'] },
        DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux', ...options['DATAPLANE_DRIVER_EVPN'] },
        DEFAULT: { state_file: `${directory}/state`, ...options['DEFAULT'] },
      }),
      files: {},
      ready: ['chanter', 'status', '--alive'],
      version: ['chanter', '--version'],
    }),
  }
}

/** The options of a node that serves IP VPNs. */
export const IPVPN: DaemonSettings = HAS_MPLS
  ? { DATAPLANE_DRIVER_IPVPN: { dataplane_driver: 'linux', mpls_interface: 'eth0' } }
  : { DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'dummy' } }

/** chanter as a reflector of all who connect. */
export function chanterReflector(address: string): Node {
  const words = [
    '--as',
    `${AS}`,
    '--client',
    '0.0.0.0/0',
    '--router-id',
    address,
    '--listen',
    address,
    '--api',
    `${API_HOST}:${API_PORT}`,
  ]
  return {
    address,
    daemon: (): Daemon => ({
      ...NOTHING,
      image: 'chanter',
      program: 'chanter',
      args: () => ['reflector', ...words],
      ready: ['chanter', 'status', '--alive'],
      version: ['chanter', '--version'],
    }),
  }
}

/** GoBGP as the reflector of `clients`. */
export function gobgpReflector(
  address: string,
  clients: readonly string[],
  options: GobgpOptions = {},
): Node {
  return {
    address,
    daemon: (directory): Daemon => ({
      ...NOTHING,
      image: 'gobgp',
      program: 'gobgpd',
      args: (restarted) => [
        '--pprof-disable',
        '-f',
        `${directory}/gobgpd.conf`,
        ...(restarted && options.gracefulRestart ? ['-r'] : []),
      ],
      files: { 'gobgpd.conf': gobgpConfig(AS, address, clients, options) },
      ready: ['gobgp', 'neighbor'],
      version: ['gobgpd', '--version'],
    }),
  }
}

/** FRR's zebra and bgpd. */
export function frr(address: string, config: string): Node {
  return {
    address,
    daemon: (directory): Daemon => ({
      ...NOTHING,
      image: 'frr',
      program: 'frr',
      args: () => [directory],
      files: { 'bgpd.conf': config, 'zebra.conf': '' },
      ready: ['vtysh', '--vty_socket', directory, '-c', 'show bgp summary'],
      version: ['/usr/lib/frr/bgpd', '--version'],
    }),
  }
}

/** bagpipe-bgp behind a reflector, its API on its own address. */
export function bagpipe(address: string, reflector: string): Node {
  return {
    address,
    daemon: (directory): Daemon => ({
      ...NOTHING,
      image: 'bagpipe',
      program: 'bagpipe',
      args: () => [directory],
      files: {
        'bagpipe.conf': formatIni({
          BGP: { local_address: address, peers: reflector, my_as: AS },
          API: { host: address, port: API_PORT },
          // it is root already
          COMMON: { root_helper: 'env' },
          privsep: {
            helper_command: `privsep-helper --config-file ${directory}/bagpipe.conf`,
            user: 'root',
            group: 'root',
          },
          DATAPLANE_DRIVER_IPVPN: { dataplane_driver: 'dummy' },
          DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
        }),
      },
      ready: ['python3', '-c', `from urllib.request import *; urlopen("http://${address}:${API_PORT}/ping")`],
      version: ['dpkg-query', '--show', 'python3-networking-bagpipe'],
    }),
  }
}

function variables(settings: DaemonSettings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([section, options]) =>
      Object.entries(options).map(([option, value]) => [variableOf(section, option), `${value}`]),
    ),
  )
}
