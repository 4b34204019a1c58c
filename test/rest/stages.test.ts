import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type TestApi, testApi } from '../support/api.ts'

/**
 * Stages that are made from the rules of the contract: random attaches and detaches, the status that the rules give each,
 * and the endpoints that the looking glass has to show after it.
 */

const IDS = ['net1', 'net2', 'net3'] as const
const MACS = ['02:00:00:00:0a:01', '02:00:00:00:0a:02', '02:00:00:00:0a:03'] as const
const IPS = ['192.168.10.1', '192.168.10.2', '192.168.10.3', null] as const
const TYPES = ['evpn', 'ipvpn'] as const
const PORTS = ['gp1', 'gp2', 'gp3'] as const
const BRIDGES = ['br1', 'br2'] as const

interface Readvertise {
  readonly from: string
  readonly to: string
}

interface Attach {
  readonly kind: 'attach'
  readonly id: string
  readonly type: 'evpn' | 'ipvpn'
  readonly mac: string
  readonly ip: string | null
  readonly port: string
  /** The EVPN instance that stands for the port of an IP VPN. */
  readonly irb: string | null
  readonly linuxbr: string | null
  readonly readvertise: Readvertise | null
  readonly vni: number
  readonly rt: string
  readonly localPref: number | null
  readonly direction: string
  readonly spelling: number
}

interface Detach {
  readonly kind: 'detach'
  readonly id: string
  /** Only its need of an address counts. */
  readonly type: 'evpn' | 'ipvpn'
  readonly mac: string
  readonly ip: string | null
  readonly port: string
  readonly spelling: number
}

interface Wrong {
  readonly kind: 'wrong'
  readonly attach: Attach
  /** What is wrong; undefined: it is missing. */
  readonly field: readonly [name: string, value: unknown]
}

type Step = Attach | Detach | Wrong

const WRONG: readonly Wrong['field'][] = [
  ...['vpn_instance_id', 'vpn_type', 'mac_address', 'local_port', 'import_rt', 'export_rt'].map(
    (name) => [name, undefined] as const,
  ),
  ['vpn_type', 'l2'],
  ['vpn_instance_id', 7],
  ['mac_address', 'zz:00:00:00:00:01'],
  ['mac_address', ['02:00:00:00:00:01']],
  ['ip_address', '192.168.10'],
  ['ip_address', '192.168.10.1/33'],
  ['gateway_ip', 'none'],
  ['local_port', {}],
  ['local_port', { linuxif: 5 }],
  ['local_port', { evpn: { id: 'nowhere' } }],
  ['local_port', { evpn: {} }],
  ['linuxbr', 'no/bridge'],
  ['readvertise', { from_rt: ['1:1'] }],
  ['import_rt', ['64512']],
  ['export_rt', ['64512:4294967296']],
  ['export_rt', { rt: '1:1' }],
  ['vni', -1],
  ['vni', 2 ** 24],
  ['vni', 'many'],
  ['direction', 'up'],
  ['local_pref', -1],
  ['readvertise', { from_rt: ['x'], to_rt: ['1:1'] }],
  ['lb_consistent_hash_order', 'first'],
]

const { constantFrom: oneOf } = fc
const attach: fc.Arbitrary<Attach> = fc.record({
  kind: fc.constant('attach'),
  id: oneOf(...IDS),
  type: oneOf(...TYPES),
  mac: oneOf(...MACS),
  ip: oneOf(...IPS),
  port: oneOf(...PORTS),
  irb: oneOf(null, null, null, ...IDS),
  linuxbr: oneOf(null, null, ...BRIDGES),
  readvertise: oneOf(null, null, { from: '64512:7', to: '64512:8' }, { from: '64512:8', to: '64512:9' }),
  vni: oneOf(0, 0, 1001, 1002),
  rt: oneOf('64512:1', '64512:2'),
  localPref: oneOf(null, 0, 50),
  direction: oneOf('both', 'both', 'to-port', 'from-port'),
  spelling: fc.nat(2),
})
const detach: fc.Arbitrary<Detach> = fc.record({
  kind: fc.constant('detach'),
  id: oneOf(...IDS),
  type: oneOf(...TYPES),
  mac: oneOf(...MACS),
  ip: oneOf(...IPS),
  port: oneOf(...PORTS),
  spelling: fc.nat(2),
})
const wrong: fc.Arbitrary<Wrong> = fc.record({
  kind: fc.constant('wrong'),
  attach,
  field: oneOf(...WRONG),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: attach },
  { weight: 5, arbitrary: detach },
  { weight: 1, arbitrary: wrong },
)

/** The same address as agents may write it. */
const macAs = (mac: string, spelling: number): string =>
  [mac, mac.toUpperCase(), mac.replaceAll(':', '-')][spelling] ?? mac
const ipAs = (ip: string | null, spelling: number): string | undefined =>
  ip === null ? undefined : [ip, `${ip}/24`, `${ip}/32`][spelling]

function bodyOf({ id, type, mac, ip, port, spelling, ...more }: Attach | Detach): Record<string, unknown> {
  const endpoint = {
    vpn_instance_id: id,
    vpn_type: type,
    mac_address: macAs(mac, spelling),
    ip_address: ipAs(ip, spelling),
    local_port: { linuxif: port },
  }
  if (more.kind === 'detach') return endpoint
  const { irb, readvertise } = more
  return {
    ...endpoint,
    ...(irb !== null && { local_port: { evpn: { id: irb } } }),
    ...(readvertise !== null && { readvertise: { from_rt: [readvertise.from], to_rt: readvertise.to } }),
    linuxbr: more.linuxbr,
    gateway_ip: '192.168.10.254',
    import_rt: [more.rt],
    export_rt: more.rt,
    vni: type === 'evpn' ? more.vni : 0,
    local_pref: more.localPref,
    direction: more.direction,
  }
}

interface Endpoint {
  readonly port: string
  readonly localPref: number | null
  readonly direction: string
}

interface Instance {
  readonly type: 'evpn' | 'ipvpn'
  readonly vni: number
  readonly bridge: string | null
  rt: string
  readvertise: Readvertise | null
  readonly byMac: Map<string, Map<string | null, Endpoint>>
}

/** The rules of the contract: what is attached, and the status of each request. */
class Rules {
  readonly instances = new Map<string, Instance>()
  private readonly detached = new Set<string>()

  take(step: Step): number {
    if (step.kind === 'wrong') return 400
    return step.kind === 'attach' ? this.attach(step) : this.detach(step)
  }

  private attach(request: Attach): number {
    const { id, type, mac, ip, rt, localPref, direction, readvertise } = request
    const port = portOf(request)
    const known = this.instances.get(id)
    const vni = type === 'evpn' ? request.vni : 0
    // the VNI of an existing instance stays, whatever is asked for
    const isTaken =
      known === undefined && vni !== 0 && [...this.instances.values()].some((one) => one.vni === vni)
    if ((known !== undefined && known.type !== type) || isTaken || (type === 'ipvpn' && ip === null))
      return 400
    if (!this.canJoin(request, known) || this.isBridgeTaken(request, known)) return 400
    const bridge = type === 'evpn' ? request.linuxbr : null
    const instance = known ?? { type, vni, bridge, rt, readvertise: null, byMac: new Map() }
    const present = instance.byMac.get(mac) ?? new Map<string | null, Endpoint>()
    if ([...present.values()].some((one) => one.port !== port)) return 400
    if (ip !== null && [...instance.byMac].some(([other, ips]) => other !== mac && ips.has(ip))) return 400
    if (type === 'ipvpn' && this.contradicts(instance, request)) return 400
    instance.rt = rt
    if (type === 'ipvpn') instance.readvertise = readvertise ?? instance.readvertise
    this.instances.set(id, instance)
    instance.byMac.set(mac, present)
    if (ip !== null) present.delete(null)
    if (ip !== null || present.size === 0 || present.has(null))
      present.set(ip, { port, localPref, direction })
    return 200
  }

  /** An IP VPN enters an EVPN instance that exists; an endpoint that it has there stays when that one ends. */
  private canJoin({ type, mac, ip, irb }: Attach, known: Instance | undefined): boolean {
    if (irb === null) return true
    if (type !== 'ipvpn') return false
    return known?.byMac.get(mac)?.get(ip)?.port === `evpn:${irb}` || this.instances.get(irb)?.type === 'evpn'
  }

  /** A bridge belongs to one EVPN instance, which keeps the one that it has. */
  private isBridgeTaken({ type, linuxbr }: Attach, known: Instance | undefined): boolean {
    if (type !== 'evpn' || linuxbr === null || known?.bridge === linuxbr) return false
    return [...this.instances.values()].some(({ bridge }) => bridge === linuxbr)
  }

  /** A VRF takes what an interface sends, or nothing of it. */
  private contradicts(instance: Instance, request: Attach): boolean {
    const { mac, ip, port, irb, direction } = request
    if (irb !== null) return false
    return [...instance.byMac].some(([otherMac, ips]) =>
      [...ips].some(
        ([otherIp, other]) =>
          other.port === port &&
          !(otherMac === mac && otherIp === ip) &&
          (other.direction === 'to-port') !== (direction === 'to-port'),
      ),
    )
  }

  private detach({ id, type, mac, ip }: Detach): number {
    if (type === 'ipvpn' && ip === null) return 400
    const instance = this.instances.get(id)
    const present = instance?.byMac.get(mac)
    const key = (one: string | null) => `${id} ${mac} ${one}`
    if (instance === undefined || present === undefined || (ip !== null && !present.has(ip)))
      return this.detached.has(key(ip)) ? 200 : 400
    for (const one of ip === null ? [...present.keys()] : [ip]) {
      present.delete(one)
      this.detached.add(key(one))
    }
    this.detached.add(key(ip))
    if (present.size === 0) instance.byMac.delete(mac)
    if (instance.byMac.size === 0) this.instances.delete(id)
    return 200
  }

  /** Instances and endpoints, a line each. */
  lines(): string[] {
    const lines = [...this.instances].flatMap(([id, { type, rt, bridge, readvertise, byMac }]) => [
      `${id} ${type} target:${rt} target:${rt} ${bridge} ${shownReadvertise(readvertise)}`,
      ...[...byMac].flatMap(([mac, ips]) =>
        [...ips].map(
          ([ip, { port, localPref, direction }]) => `${id} ${port} ${mac} ${ip} ${localPref} ${direction}`,
        ),
      ),
    ])
    return lines.sort()
  }
}

function portOf({ port, irb }: Attach): string {
  return irb === null ? port : `evpn:${irb}`
}

function shownReadvertise(readvertise: Readvertise | null): string {
  const targets = readvertise && {
    from: [`target:${readvertise.from}`],
    to: [`target:${readvertise.to}`],
  }
  return JSON.stringify(targets ?? {})
}

interface Shown {
  readonly instance_type: string
  readonly readvertise: object
  readonly route_targets: { readonly import: readonly string[]; readonly export: readonly string[] }
}

type Ports = Record<
  string,
  { readonly evpn?: string; readonly endpoints: readonly Readonly<Record<string, unknown>>[] }
>

async function shown({ app }: TestApi): Promise<string[]> {
  const get = async <T>(path: string): Promise<T> =>
    (await app.inject(`/looking-glass/vpns/instances${path}`)).json()
  const lines: string[] = []
  for (const { id } of await get<{ id: string }[]>('')) {
    const { instance_type, route_targets, readvertise } = await get<Shown>(`/${id}`)
    const type = instance_type === 'EVI' ? 'evpn' : 'ipvpn'
    const devices = type === 'evpn' ? await get<{ linux_bridge?: string }>(`/${id}/dataplane`) : {}
    const bridge = BRIDGES.find((one) => one === devices.linux_bridge) ?? null
    const targets = `${route_targets.import} ${route_targets.export}`
    lines.push(`${id} ${type} ${targets} ${bridge} ${JSON.stringify(readvertise)}`)
    for (const [name, { evpn, endpoints }] of Object.entries(await get<Ports>(`/${id}/ports`)))
      for (const one of endpoints) {
        const port = evpn === undefined ? name : `evpn:${evpn}`
        const ip = one['ip_address'] === null ? null : String(one['ip_address']).split('/')[0]
        lines.push(`${id} ${port} ${one['mac_address']} ${ip} ${one['local_pref']} ${one['direction']}`)
      }
  }
  return lines.sort()
}

function requestOf(step: Step): { readonly url: string; readonly payload: string } {
  if (step.kind !== 'wrong') return { url: `/${step.kind}_localport`, payload: JSON.stringify(bodyOf(step)) }
  const [name, value] = step.field
  return { url: '/attach_localport', payload: JSON.stringify({ ...bodyOf(step.attach), [name]: value }) }
}

test('any stage answers and shows what the rules say', async () => {
  const statuses: Record<number, number> = {}
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 30, size: 'max' }), async (steps) => {
      const api = testApi('dummy')
      const rules = new Rules()
      for (const one of steps) {
        const answer = await api.app.inject({ method: 'POST', ...requestOf(one) })
        const status = rules.take(one)
        statuses[status] = (statuses[status] ?? 0) + 1
        expect([status, await shown(api)], `${JSON.stringify(requestOf(one))} ${answer.body}`).toEqual([
          answer.statusCode,
          rules.lines(),
        ])
      }
    }),
    { numRuns: 12 },
  )
  // both are frequent, so that stages get somewhere
  expect(statuses[200]).toBeGreaterThan(40)
  expect(statuses[400]).toBeGreaterThan(40)
})
