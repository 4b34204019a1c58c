import { request, urlOf, withoutBrackets } from '../../client.ts'
import { CliError } from '../command.ts'
import { print } from '../print.ts'
import { apiPort, glassPath, PORT_OPTION, PREFIX_OPTION } from './api.ts'
import { tool } from './optparse.ts'

const NAME = 'bagpipe-impex2dot'

const ORANGE = 'color="orange",fontcolor="orange"'
const TARGET_EDGE = `${ORANGE},arrowhead=onormal`
const READVERTISE_FROM = `${ORANGE},style=dashed,arrowhead=diamond,arrowtail=oinv,headclip=false,dir=both`
const READVERTISE_TO = `${ORANGE},style=dashed,arrowhead=onormal,tailclip=false,dir=both,arrowtail=oinv`
const PORT_EDGE = 'style=dashed,dir=none,color="gray",weight=3,weight=5'
const INVISIBLE = 'label="",style=invis,height=0,width=0,fixedsize=true'

/** A VPN instance of one of the daemons. */
interface Vpn {
  readonly server: string
  readonly id: string
  readonly kind: 'EVI' | 'VRF'
  readonly imports: readonly string[]
  readonly exports: readonly string[]
  readonly readvertise: { readonly from: readonly string[]; readonly to: readonly string[] }
  readonly ports: readonly string[]
  /** The id of the IP VPN instance that is its gateway. */
  readonly gateway: string | null
}

/** Fetches an object of the looking glass; undefined where there is none. */
type Fetch = <T>(...words: readonly string[]) => Promise<T | undefined>

/** bagpipe-impex2dot: route targets and the VPN instances that import and export them, as a graph for dot(1). */
export const impex2dot = tool({
  name: NAME,
  usage: ` ${NAME} [options]\n\nExample: ${NAME} --server s1 --server s2 | dot -Tpdf > impex.pdf\n    `,
  options: {
    server: { kind: 'texts', describe: 'Address of a REST API, localhost by default; may be repeated' },
    port: PORT_OPTION,
    prefix: PREFIX_OPTION,
  },
  async run(args) {
    const servers = args.server.length > 0 ? args.server : ['localhost']
    const port = args.port ?? (await apiPort())
    const vpns: Vpn[] = []
    for (const host of servers)
      vpns.push(...(await vpnsOf(host, fetcher(host, port, args.prefix ?? 'looking-glass'))))
    await print(graph(vpns))
  },
})

function fetcher(host: string, port: number, prefix: string): Fetch {
  return async (...words) => {
    const server = { host: withoutBrackets(host), port }
    const path = glassPath(prefix, words)
    const failed = (why: string) => new CliError(`Error requesting ${urlOf(server, path)}: ${why}`)
    const answer = await request(server, path).catch((error: Error) => {
      throw failed(error.message)
    })
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw failed(`status ${answer.status}`)
    return JSON.parse(answer.body)
  }
}

async function vpnsOf(server: string, fetch: Fetch): Promise<Vpn[]> {
  const listed = (await fetch<{ id: string; name: string }[]>('vpns', 'instances')) ?? []
  return Promise.all(
    listed.map(async ({ id, name }) => {
      const of = <T>(...words: readonly string[]) => fetch<T>('vpns', 'instances', id, ...words)
      const readvertise = await of<{ from?: string[]; to?: string[] }>('readvertise')
      const gateway = await of<{ external_instance_id: string }>('gateway_port', 'ipvpn')
      return {
        server,
        id,
        kind: name.startsWith('EVI') ? 'EVI' : 'VRF',
        imports: (await of<string[]>('route_targets', 'import')) ?? [],
        exports: (await of<string[]>('route_targets', 'export')) ?? [],
        readvertise: { from: readvertise?.from ?? [], to: readvertise?.to ?? [] },
        ports: Object.keys((await of<object>('ports')) ?? {}),
        gateway: gateway?.external_instance_id ?? null,
      } as const
    }),
  )
}

function graph(vpns: readonly Vpn[]): string {
  const targets = new Set(
    vpns.flatMap(({ imports, exports, readvertise: { from, to } }) =>
      [...imports, ...exports, ...from, ...to].map(nodeId),
    ),
  )
  const kinds = (kind: Vpn['kind']) => vpns.filter((vpn) => vpn.kind === kind).map(vpnNode)
  const ports = new Map(
    vpns.flatMap(({ server, ports }) =>
      ports.map((port) => [portNode(server, port), { server, port }] as const),
    ),
  )
  return [
    'digraph import_export {',
    '   node [fontname="Helvetica"];',
    '   edge [fontname="Helvetica"];',
    '   nodesep=0.55;',
    '   subgraph rts {',
    '       rank=same;',
    ...[...targets].map(targetNode),
    '    }',
    '    subgraph ipvpns {',
    '        rank=same;',
    ...kinds('VRF'),
    '    }',
    '    subgraph evpns {',
    ...kinds('EVI'),
    '    }',
    ...vpns.flatMap(edges),
    ...[...ports].flatMap(([node, { server, port }]) => portLines(node, server, port)),
    ...destinations([...ports.values()]),
    '}',
  ].join('\n')
}

const nodeId = (text: string): string => text.replaceAll('target:', 'rt:').replaceAll(/[:.-]/g, '_')
const vpnId = (server: string, id: string): string => `vpn_${nodeId(server)}__${nodeId(id)}`
const portNode = (server: string, port: string): string => `port_${nodeId(server)}_${nodeId(port)}`
const short = (id: string): string => (id.length > 11 ? `${id.slice(0, 4)}..${id.slice(-5)}` : id)

function targetNode(target: string): string {
  const label = target.toUpperCase().replaceAll('_', '\\n')
  return `        ${target} [shape="circle",label="${label}",${ORANGE}];`
}

function vpnNode({ server, id, kind }: Vpn): string {
  const at = server === 'localhost' ? '' : `\\n[${server}]`
  const fields = `<0>${kind}\\n${short(id)}${at}${kind === 'VRF' ? '|<readv>' : ''}`
  return `        ${vpnId(server, id)} [label="{${fields}}",shape="record"];`
}

function edges({ server, id, imports, exports, readvertise, ports, gateway }: Vpn): string[] {
  const vpn = vpnId(server, id)
  const { from, to } = readvertise
  const edge = (start: string, end: string, style: string) => `    ${start} -> ${end} [${style}];`
  return [
    `    /* ${server}:${id} */`,
    ...imports.map((target) => edge(nodeId(target), `${vpn}:0`, TARGET_EDGE)),
    ...exports.map((target) => edge(`${vpn}:0`, nodeId(target), TARGET_EDGE)),
    ...from.map((target) => edge(nodeId(target), `${vpn}:readv`, `label="",${READVERTISE_FROM}`)),
    ...to.map((target) => edge(`${vpn}:readv`, nodeId(target), `label="",${READVERTISE_TO}`)),
    ...ports.map((port) => edge(vpn, portNode(server, port), PORT_EDGE)),
    ...(gateway === null ? [] : [edge(vpn, vpnId(server, gateway), 'weight=500')]),
  ]
}

/** A port with the name `to-X` leads to X. */
const destinationOf = (port: string): string | undefined => /^to_([^_]*)/.exec(nodeId(port))?.[1]

function portLines(node: string, server: string, port: string): string[] {
  const destination = destinationOf(port)
  const line = `    ${node} [${INVISIBLE}];`
  if (destination === undefined) return [line]
  const end = `dest_${nodeId(server)}_${destination}`
  return [line, `    ${node} -> ${end} [style=dashed,dir=none,color="gray",weight=5];`]
}

function destinations(ports: readonly { readonly server: string; readonly port: string }[]): string[] {
  const lines = ports.flatMap(({ server, port }) => {
    const destination = destinationOf(port)
    if (destination === undefined) return []
    const node = `dest_${nodeId(server)}_${destination}`
    return [`    ${node} [label="${destination}\\n[${server}]",shape="square",color="gray"];`]
  })
  return [...new Set(lines)]
}
