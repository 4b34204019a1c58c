import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { identity, kernelKind } from '../../src/dataplane/kinds/index.ts'
import type {
  Bridge,
  Entry,
  Flood,
  Hop,
  LabelRoute,
  LocalMac,
  Neighbour,
  Port,
  RemoteMac,
  Unreachable,
  VrfRoute,
  Vxlan,
} from '../../src/dataplane/model.ts'
import { formatIp, type Ip, isIpv4 } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import { askIp } from './ip-batch.ts'

const hops = {
  dev: z.string().optional(),
  gateway: z.string().optional(),
  via: z.object({ host: z.string() }).optional(),
  labels: z.string().optional(),
  to: z.string().optional(),
  weight: z.number().optional(),
}

const routes = z.array(
  z.object({
    type: z.string(),
    dst: z.string(),
    protocol: z.string(),
    metric: z.number().optional(),
    nexthops: z.array(z.object(hops)).optional(),
    ...hops,
  }),
)

const neighbours = z.array(
  z.object({
    dst: z.string(),
    dev: z.string(),
    lladdr: z.string().optional(),
    extern_learn: z.null().optional(),
    state: z.array(z.string()).optional(),
  }),
)

const links = z.array(
  z.object({
    ifname: z.string(),
    ifalias: z.string().optional(),
    link: z.string().nullish(),
    address: z.string().optional(),
    master: z.string().optional(),
    flags: z.array(z.string()),
    linkinfo: z
      .object({ info_kind: z.string().optional(), info_data: z.record(z.string(), z.unknown()).optional() })
      .optional(),
    addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.number().optional() })),
  }),
)

const fous = z.array(z.object({ port: z.number(), ipproto: z.number(), local: z.string().optional() }))

/** Whether the kernel holds exactly this, as iproute2 and /proc show. */
/** What is wanted for IP VPNs alone. */
export type IpEntry = Exclude<Entry, Bridge | Vxlan | Port | LocalMac | RemoteMac | Flood | Neighbour>

export function holdsIp(entry: IpEntry): boolean {
  switch (entry.kind) {
    case 'vrf':
    case 'tunnel': {
      const link = linkNamed(entry.device)
      const { info_kind, info_data } = link?.linkinfo ?? {}
      if (link?.ifalias !== entry.alias || !link.flags.includes('UP')) return false
      if (entry.kind === 'vrf') {
        return info_data?.['table'] === entry.table && setting(`ipv4/conf/${entry.device}/forwarding`) === 1
      }
      return (
        info_kind === kernelKind(entry) &&
        info_data?.['local'] === formatIp(entry.local) &&
        info_data['remote'] === (entry.remote === null ? 'any' : formatIp(entry.remote)) &&
        setting(`mpls/conf/${entry.device}/input`) === 1
      )
    }
    case 'veth': {
      const link = linkNamed(entry.device)
      return (
        link?.ifalias === entry.alias &&
        link.flags.includes('UP') &&
        link.linkinfo?.info_kind === 'veth' &&
        link.link === entry.peer &&
        link.address === formatMac(entry.mac)
      )
    }
    case 'vrf-port': {
      const link = linkNamed(entry.device)
      const isOurs = link?.ifalias?.startsWith('chanter:') === true
      const value = (name: string) => setting(`ipv4/conf/${entry.device}/${name}`)
      return (
        link?.master === entry.vrf && value('forwarding') === 1 && value('proxy_arp') === (isOurs ? 0 : 1)
      )
    }
    case 'mpls-interface':
      return setting(`mpls/conf/${entry.device}/input`) === 1
    case 'udp-port':
      return fous
        .parse(askIp('fou show'))
        .some(({ port, ipproto, local }) => port === 6635 && ipproto === 137 && local === formatIp(entry.ip))
    case 'address':
      return (
        linkNamed(entry.device)?.addr_info.some(
          ({ local, prefixlen }) => local === formatIp(entry.ip) && prefixlen === entry.prefixLength,
        ) ?? false
      )
    case 'fixed-neighbour':
      return neighboursAt(entry.device, 'nud all').some(
        ({ dst, lladdr, state, extern_learn }) =>
          dst === formatIp(entry.ip) &&
          lladdr === formatMac(entry.mac) &&
          extern_learn === null &&
          state?.includes('PERMANENT'),
      )
    case 'proxy-neighbour':
      return neighboursAt(entry.device, 'proxy').some(({ dst }) => dst === formatIp(entry.ip))
    case 'unreachable':
      return routesTo(entry).some(({ type }) => type === 'unreachable')
    case 'route':
    case 'mpls':
      return routesTo(entry).some(
        (route) => route.type === 'unicast' && route.protocol === '19' && waysOf(route) === textOf(entry),
      )
    default:
      throw new Error(`${identity(entry)}: this does not know what iproute2 shows of it`)
  }
}

/** How a person deletes it. */
export function forgetIp(entry: IpEntry, ip: (command: string) => void): void {
  switch (entry.kind) {
    case 'mpls-interface':
      return writeFileSync(`/proc/sys/net/mpls/conf/${entry.device}/input`, '0')
    case 'udp-port':
      return ip(`fou del port 6635 local ${formatIp(entry.ip)}${isIpv4(entry.ip) ? '' : ' -6'}`)
    case 'address':
      return ip(`addr del ${formatIp(entry.ip)}/${entry.prefixLength} dev ${entry.device}`)
    case 'fixed-neighbour':
      return ip(`neigh del ${formatIp(entry.ip)} dev ${entry.device}`)
    case 'proxy-neighbour':
      return ip(`neigh del proxy ${formatIp(entry.ip)} dev ${entry.device}`)
    case 'unreachable':
      return ip(
        `${familyOf(entry.prefix)} route del unreachable ${prefixText(entry)} table ${entry.table} metric 4278198272`,
      )
    case 'route':
      return ip(
        `${familyOf(entry.prefix)} route del ${prefixText(entry)} table ${entry.table} proto 19 metric 20`,
      )
    case 'mpls':
      return ip(`-f mpls route del ${entry.label}`)
    default:
      return ip(`link del ${entry.device}`)
  }
}

/** How a person, or another controller, sets it. */
export function overwriteIp(entry: Entry, marked: boolean, ip: (command: string) => void): void {
  const protocol = marked ? 'proto 19' : 'proto static'
  switch (entry.kind) {
    case 'fixed-neighbour': {
      const mark = marked ? ' extern_learn' : ''
      return ip(
        `neigh replace ${formatIp(entry.ip)} lladdr ${formatMac(entry.mac)} dev ${entry.device} nud permanent${mark}`,
      )
    }
    case 'route':
      return ip(
        `${familyOf(entry.prefix)} route replace ${prefixText(entry)} table ${entry.table} metric 20 ${protocol} ${hopText(entry.hops[0])} onlink`,
      )
    case 'mpls':
      return ip(`-f mpls route replace ${entry.label} ${protocol} ${hopText(entry.hops[0])}`)
    default:
      throw new Error(`no test overwrites a ${entry.kind}`)
  }
}

export function setting(path: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/net/${path}`, 'utf8'))
  } catch {
    return undefined
  }
}

function linkNamed(name: string) {
  return links.parse(askIp('addr show')).find(({ ifname }) => ifname === name)
}

function neighboursAt(device: string, what: string) {
  return neighbours.parse(askIp(`neigh show ${what}`)).filter(({ dev }) => dev === device)
}

function routesTo(entry: VrfRoute | Unreachable | LabelRoute) {
  if (entry.kind === 'mpls') {
    return routes.parse(askIp('route show', '-f', 'mpls')).filter(({ dst }) => dst === `${entry.label}`)
  }
  const answer = askIp(`route show table ${entry.table}`, isIpv4(entry.prefix) ? '-4' : '-6')
  return routes.parse(answer).filter(({ dst }) => dst === prefixText(entry))
}

type RouteAnswer = z.infer<typeof routes>[number]

/** The paths of a route in one spelling: its next hops in their order. */
function waysOf({ nexthops, ...only }: RouteAnswer): string {
  return (nexthops ?? [only])
    .map(({ dev, gateway, via, labels, to, weight }) => {
      const neighbour = gateway ?? via?.host ?? '-'
      return `${dev} ${neighbour === 'fe80::1' ? '-' : neighbour} ${labels ?? to ?? '-'} ${nexthops ? (weight ?? 1) : 1}`
    })
    .join(', ')
}

function textOf({ hops }: VrfRoute | LabelRoute): string {
  return hops
    .map(({ device, via, labels, weight }) => {
      const neighbour = via === null ? '-' : formatIp(via)
      return `${device} ${neighbour} ${labels.join('/') || '-'} ${hops.length > 1 ? weight : 1}`
    })
    .join(', ')
}

function hopText(hop: Hop | undefined): string {
  if (hop === undefined) throw new Error('a route without a hop')
  const via = hop.via === null ? '' : `via ${isIpv4(hop.via) ? 'inet' : 'inet6'} ${formatIp(hop.via)} `
  return `${via}dev ${hop.device}`
}

function prefixText({ prefix, prefixLength }: VrfRoute | Unreachable): string {
  if (prefixLength === 0) return 'default'
  return prefixLength === prefix.length * 8 ? formatIp(prefix) : `${formatIp(prefix)}/${prefixLength}`
}

function familyOf(ip: Ip): string {
  return isIpv4(ip) ? '-4' : '-6'
}
