import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request, type Server } from '../../src/client.ts'
import { HOME } from '../../src/home.ts'
import { CHANTER } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, type LabHost } from '../../src/lab/network.ts'

const PAGE = readFileSync(new URL('../../docs/reflectors.md', import.meta.url), 'utf8')
const AT = ['192.0.2.1', '192.0.2.2'] as const
/** Where OpenBGPD locks itself into, as Debian's service makes it. */
const OPENBGPD_HOME = '/run/openbgpd'
const IPV6_VTEP = '2001:db8::13'

/** The block of code under a mark of the page. */
function block(mark: string): string {
  const [, code] = new RegExp(`<!-- ${mark} -->\n\n\`\`\`\\w+\n(.*?)\`\`\``, 's').exec(PAGE) ?? []
  if (code === undefined) throw new Error(`docs/reflectors.md has no block ${mark}`)
  return code
}

/** The rows of the page's table, by the name of the reflector. */
const TABLE = new Map(
  [...PAGE.matchAll(/^\| (\S.*?) +\| (yes|no) .*$/gm)].map(([row, name = '']) => [
    name,
    row
      .split('|')
      .slice(2, -1)
      .map((cell) => cell.trim()),
  ]),
)

interface Reflector {
  readonly name: string
  /** Command lines: of the first machine, and of the second. */
  readonly commands: () => readonly (readonly string[])[]
}

let lab: Lab
/** The machines of the reflectors. */
let first: LabHost
let second: LabHost
let directory: string
let madeHome = false

const file = (name: string, mode = 0o644): string => {
  const path = join(directory, name)
  writeFileSync(path, block(name), { mode })
  return path
}
const chanterReflector = (mark: string) => [CHANTER, ...block(mark).trim().split(' ').slice(1)]

const REFLECTORS: readonly Reflector[] = [
  { name: 'GoBGP 3.10', commands: () => [['gobgpd', '--pprof-disable', '-f', file('gobgpd.conf')]] },
  {
    name: 'FRR 8.4',
    commands: () => {
      const home = join(directory, 'frr')
      mkdirSync(home)
      writeFileSync(join(home, 'bgpd.conf'), block('frr.conf'))
      writeFileSync(join(home, 'zebra.conf'), '')
      return [[fileURLToPath(new URL('containers/frr', HOME)), home]]
    },
  },
  {
    name: 'BIRD 2.0.12',
    commands: () => [['bird', '-f', '-c', file('bird.conf'), '-s', join(directory, 'bird.ctl')]],
  },
  { name: 'OpenBGPD 7.7', commands: () => [['/usr/sbin/bgpd', '-d', '-f', file('bgpd.conf', 0o600)]] },
  // last: the nodes go on with both
  { name: 'chanter reflector', commands: () => ['chanter 1', 'chanter 2'].map(chanterReflector) },
]

/** A node behind the reflectors, asked on its Unix socket. */
interface Node {
  readonly host: LabHost
  readonly api: Server
}

/** The third one has an IPv6 VTEP. */
let nodes: readonly [Node, Node, Node]

beforeAll(async () => {
  lab = new Lab()
  madeHome = mkdirSync(OPENBGPD_HOME, { recursive: true }) !== undefined
  directory = mkdtempSync(join(tmpdir(), 'chanter-reflectors-'))
  chmodSync(directory, 0o755) // FRR gives up root
  first = await addReflector(lab, AT[0])
  second = await addNode(lab, first, 'rr2', AT[1])
  nodes = await Promise.all([startNode(1), startNode(2), startNode(3, IPV6_VTEP)])
})

afterAll(() => {
  lab.close()
  rmSync(directory, { recursive: true })
  if (madeHome) rmdirSync(OPENBGPD_HOME)
})

/** Starts a node with the file of the page and no kernel to change. */
async function startNode(number: number, vtep?: string): Promise<Node> {
  const address = `192.0.2.1${number}`
  const host = await addNode(lab, first, `node${number}`, address)
  const config = join(directory, `node${number}.conf`)
  writeFileSync(config, block('bgp.conf').replace('192.0.2.11', address))
  const socket = join(directory, `node${number}.sock`)
  const variables = [
    `CHANTER_API__SOCKET=${socket}`,
    'CHANTER_BGP__CONNECT_RETRY_TIME=1',
    ...(vtep === undefined ? [] : [`CHANTER_DATAPLANE_DRIVER_EVPN__DATAPLANE_LOCAL_ADDRESS=${vtep}`]),
  ]
  lab.start(host.namespace, host.name, 'env', ...variables, CHANTER, 'daemon', '--config-file', config)
  const api = { host: '', port: 0, socket }
  await lab.eventually(`${host.name} answers`, async () => ({ value: await request(api, '/ping') }))
  return { host, api }
}

interface ShownPeer {
  readonly protocol: { readonly state: string; readonly established_count: number }
  readonly capabilities: {
    readonly families: readonly string[]
    readonly announced: {
      readonly peer: {
        readonly graceful_restart: { readonly families: readonly { family: string }[] } | null
      }
    }
  }
}

const shownPeer = ({ api }: Node) => fetchJson<ShownPeer>(api, `/looking-glass/bgp/peers/${AT[0]}`)

const established = ({ host, api }: Node): Promise<ShownPeer> =>
  lab.eventually(`${host.name} has a session with ${AT[0]}`, async () => {
    const facts = await shownPeer({ host, api })
    return facts.protocol.state === 'Established'
      ? { value: facts }
      : { seen: JSON.stringify(facts.protocol) }
  })

/** The session of the last reflector is over. */
const lost = ({ host, api }: Node): Promise<string> =>
  lab.eventually(`${host.name} has no session`, async () => {
    const { protocol } = await shownPeer({ host, api })
    return protocol.state === 'Established' ? { seen: protocol.state } : { value: protocol.state }
  })

const routes = async ({ api }: Node): Promise<string> =>
  (await request(api, '/looking-glass/bgp/routes')).body

const learns = ({ host, api }: Node, ...texts: readonly string[]): Promise<string> =>
  lab.eventually(`${host.name} has routes for ${texts.join(' and ')}`, async () => {
    const seen = await routes({ host, api })
    return texts.every((text) => seen.includes(text)) ? { value: seen } : { seen: `${seen.length} octets` }
  })

/** Attaches an endpoint to a VPN; its addresses end in `last`. Returns the body of the request. */
async function attach({ api }: Node, type: 'evpn' | 'ipvpn', id: string, target: number, last: string) {
  const body = {
    vpn_type: type,
    vpn_instance_id: id,
    mac_address: `02:00:00:00:${last.replace('.', ':0')}`,
    ip_address: `10.0.${last}/24`,
    gateway_ip: '10.0.0.254',
    local_port: { linuxif: `tap-${type}-${last}` },
    import_rt: [`64512:${target}`],
    export_rt: [`64512:${target}`],
  }
  expect(await request(api, '/attach_localport', body)).toEqual({ status: 200, body: 'null' })
  return body
}

/** Whether a reflector passes on the routes of the third node; one that cannot read them ends its session again and again. */
async function takesIpv6Vtep(number: number): Promise<boolean> {
  const [one, , three] = nodes
  const count = async () => (await shownPeer(three)).protocol.established_count
  const before = await count()
  const body = await attach(three, 'evpn', `net${number}`, 200 + number, `${number}.3`)
  const takes = await lab.eventually(
    'the routes of the IPv6 VTEP are passed on, or end the session',
    async () => {
      const seen = await routes(one)
      if (seen.includes(`02:00:00:00:${number}:03`) && seen.includes(`:0:${IPV6_VTEP}"`))
        return { value: true }
      return (await count()) > before + 1 ? { value: false } : { seen: 'neither' }
    },
  )
  await request(three.api, '/detach_localport', body)
  return takes
}

/** Attaches endpoints in an EVPN instance and a VRF that both nodes have. */
async function attachOnBoth(number: number): Promise<void> {
  const [one, two] = nodes
  for (const [node, last] of [
    [one, 1],
    [two, 2],
  ] as const) {
    await attach(node, 'evpn', `net${number}`, 200 + number, `${number}.${last}`)
    await attach(node, 'ipvpn', `vrf${number}`, 300 + number, `${number}.${last}`)
  }
}

/** What a reflector does for two nodes, as the cells of its row; they have had endpoints since before it started. */
async function measured(number: number): Promise<string[]> {
  const [one, two, three] = nodes
  const { families, announced } = (await established(one)).capabilities
  await established(two)
  await established(three)
  const hasEvpn = families.includes('l2vpn/evpn')
  const hasVpn = families.includes('ipv4/mpls-vpn')
  const hasConstraint = families.includes('ipv4/rtc')
  const other = `10.0.${number}.9/32`
  await attach(two, 'ipvpn', `other${number}`, 100 + number, `${number}.9`)
  if (hasEvpn) {
    await learns(two, `02:00:00:00:${number}:01`, ':0:192.0.2.11"')
    await learns(one, `02:00:00:00:${number}:02`, ':0:192.0.2.12"')
  }
  if (hasVpn) {
    await learns(two, `10.0.${number}.1/32`)
    await learns(one, `10.0.${number}.2/32`)
  }
  if (hasConstraint) expect(await routes(one)).not.toContain(other)
  else await learns(one, other)
  const { graceful_restart: restart } = announced.peer
  const keepsEvpn = restart?.families.some(({ family }) => family === 'l2vpn/evpn') ?? false
  const hasIpv6 = hasEvpn && (await takesIpv6Vtep(number))
  return [hasEvpn, hasIpv6, hasVpn, hasConstraint, keepsEvpn].map((fact) => (fact ? 'yes' : 'no'))
}

test.each(REFLECTORS.map((reflector, i) => [reflector.name, reflector, 10 + i] as const))(
  '%s does what the page says',
  async (name, { commands }, number) => {
    await attachOnBoth(number)
    const running = commands().map((command, i) =>
      lab.start((i === 0 ? first : second).namespace, `${name.split(' ')[0]}${i}`, ...command),
    )
    try {
      expect(await measured(number)).toEqual(TABLE.get(name))
    } finally {
      for (const process of running) await process.stop()
      for (const node of nodes) await lost(node)
    }
  },
)

test('of two reflectors of chanter one is enough', async () => {
  const [one, two] = nodes
  const remaining = lab.start(second.namespace, 'remaining', ...chanterReflector('chanter 2'))
  await attach(one, 'evpn', 'last', 299, '99.1')
  await attach(two, 'evpn', 'last', 299, '99.2')
  await learns(one, '02:00:00:00:99:02')
  await learns(two, '02:00:00:00:99:01')
  await remaining.stop()
})
