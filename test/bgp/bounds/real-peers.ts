import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../../../src/lab/lab.ts'
import type { LabHost } from '../../../src/lab/network.ts'
import { Frr } from '../../support/frr.ts'

/** The addresses that sessions come from: each is a dynamic neighbour, so that a peer lets none wait for an earlier one. */
const SENDERS = '10.77.0.0/24'
const IDENTIFIER = '10.77.0.1'
const AS = 64512

/** A BGP speaker of others on which the bounds are played. */
export interface RealPeer {
  start(): Promise<void>
  /** Names of bounds that are about families it does not have. */
  readonly lacks: RegExp | null
  /** How it ended by itself, and its last words; undefined while it lives. */
  readonly failure: string | undefined
  /** Ends what is left of it, after which it may be started again. */
  kill(): Promise<void>
}

const FRR_CONFIG = `router bgp ${AS}
 bgp router-id ${IDENTIFIER}
 no bgp default ipv4-unicast
 neighbor senders peer-group
 neighbor senders remote-as ${AS}
 bgp listen limit 1000
 bgp listen range ${SENDERS} peer-group senders
${['ipv4 vpn', 'ipv6 vpn', 'l2vpn evpn'].map((family) => ` address-family ${family}\n  neighbor senders activate\n exit-address-family\n`).join('')}`

const GOBGP_FAMILIES = [
  'l2vpn-evpn',
  'l3vpn-ipv4-unicast',
  'l3vpn-ipv6-unicast',
  'rtc',
  'l3vpn-ipv4-flowspec',
  'l3vpn-ipv6-flowspec',
]
const GOBGP_CONFIG = `[global.config]
as = ${AS}
router-id = "${IDENTIFIER}"
[[peer-groups]]
[peer-groups.config]
peer-group-name = "senders"
peer-as = ${AS}
[peer-groups.timers.config]
idle-hold-time-after-reset = 1
${GOBGP_FAMILIES.map((name) => `[[peer-groups.afi-safis]]\n[peer-groups.afi-safis.config]\nafi-safi-name = "${name}"\n`).join('')}
[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "${SENDERS}"
peer-group = "senders"
`

function frr(lab: Lab, host: LabHost): RealPeer {
  let running: Frr | null = null
  return {
    lacks: /FlowSpec|route-target/,
    async start() {
      running = await Frr.start(lab, host, FRR_CONFIG)
    },
    get failure() {
      return running?.failure
    },
    async kill() {
      await running?.kill()
    },
  }
}

function gobgp(lab: Lab, host: LabHost): RealPeer {
  const file = join(lab.directory, 'gobgpd.conf')
  const launch = () => lab.start(host.namespace, 'gobgpd', 'gobgpd', '--pprof-disable', '-f', file)
  let running: ReturnType<typeof launch> | null = null
  return {
    lacks: null,
    async start() {
      writeFileSync(file, GOBGP_CONFIG)
      running = launch()
    },
    get failure() {
      const how = running?.failure
      const lines = how === undefined ? [] : running!.tail(200).split('\n')
      return how && `${how}, ${lines.findLast((line) => line.startsWith('panic: '))}`
    },
    async kill() {
      await running?.stop('SIGKILL')
    },
  }
}

export const REAL_PEERS: Readonly<Record<string, (lab: Lab, host: LabHost) => RealPeer>> = { frr, gobgp }
