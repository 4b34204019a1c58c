import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanterReflector } from '../../src/lab/chanter.ts'
import type { ShownStatus, ShownVerification } from '../chaos/node.ts'
import { Random } from '../sim/random.ts'
import { outputOf, spawnSync } from '../support/spawn.ts'
import { attach, type Customer, Fleet } from './fleet.ts'
import { inside, nameOf, runIn } from './network.ts'

/** IP VPNs under the faults of their machines: the same ones each time, others and more of them with SEED and STEPS. */
const SEED = Number(process.env['SEED'] ?? 1)
const STEPS = Number(process.env['STEPS'] ?? 6)
const HOLD_SECONDS = 9
/** Reported after a fight, and no fault. */
const REPEATED = /changed by other programs again and again/
const VRFS = ['red', 'blue'] as const
const ELSEWHERE = '10.77.0.99'

interface Site {
  readonly customers: readonly [red: Customer, blue: Customer]
  daemon: LabDaemon
  /** Of each customer's VRF. */
  readonly devices: string[]
}

let fleet: Fleet
const sites: Site[] = []
let right: readonly (readonly string[])[]

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  await startChanterReflector(fleet.lab, fleet.reflector, 64512)
  for (const n of [1, 2]) {
    const host = fleet.addHost(`pe${n}`, 10 + n)
    const customers = [fleet.addCustomer(host, n, n), fleet.addCustomer(host, n + 2, n + 2)] as const
    sites.push({ customers, daemon: await start(customers[0]), devices: [] })
  }
  for (const { customers, daemon, devices } of sites)
    for (const [i, customer] of customers.entries()) {
      const targets = [`64512:${10 + i}`]
      await attach(daemon, customer, { imports: targets, exports: targets }, VRFS[i])
      devices.push(masterOf(customer))
    }
  await forwards()
  right = sites.map(kernel)
})

afterAll(() => fleet.lab.close())

const start = ({ home }: Customer) =>
  fleet.startDaemon(home, [fleet.reflector], {
    BGP: { hold_time: HOLD_SECONDS },
    DEFAULT: { resync_interval: 10 },
  })

function masterOf({ home, port }: Customer): string {
  const [link] = JSON.parse(runIn(home.namespace, `ip -json link show ${port}`)) as { master: string }[]
  return link!.master
}

type Fault = (site: Site, random: Random) => Promise<string>

const drawn = ({ customers, devices }: Site, random: Random) => {
  const i = random.between(0, 1)
  const { home, port } = customers[i]!
  return { namespace: home.namespace, port, vrf: devices[i]! }
}

/** Commands of which some may fail: the daemon changes the same things. */
function attempt(namespace: string, options: readonly string[], commands: readonly string[]): void {
  spawnSync('ip', ['-n', nameOf(namespace), ...options, '-force', '-batch', '-'], commands.join('\n'))
}

/** What `ip` is to do in the machine's network, in the place of `VRF` and `PORT` those of a customer. */
const by =
  (...commands: readonly string[]): Fault =>
  async (site, random) => {
    const { namespace, port, vrf } = drawn(site, random)
    const filled = commands.map((command) => command.replaceAll('VRF', vrf).replaceAll('PORT', port))
    attempt(namespace, [], filled)
    return filled.join('; ')
  }

/** A setting that others change. */
const setting =
  (name: string, value: number): Fault =>
  async (site, random) => {
    const { namespace, port, vrf } = drawn(site, random)
    const file = name.replace('VRF', vrf).replace('PORT', port)
    inside(namespace, () => writeFileSync(`/proc/sys/net/${file}`, `${value}`))
    return `${file} = ${value}`
  }

const killed =
  (signal: 'SIGKILL' | 'SIGTERM'): Fault =>
  async (site) => {
    await site.daemon.process.stop(signal)
    site.daemon = await start(site.customers[0])
    return `daemon ended by ${signal}`
  }

const stopped: Fault = async ({ daemon }, random) => {
  const ms = random.between(200, 3000)
  process.kill(daemon.process.pid!, 'SIGSTOP')
  await delay(ms)
  process.kill(daemon.process.pid!, 'SIGCONT')
  return `daemon stopped for ${ms} ms`
}

/** Deletes or replaces some of the routes of ours in the machine. */
const routes =
  (how: 'del' | 'replace'): Fault =>
  async ({ customers: [{ home }] }, random) => {
    const shown = runIn(home.namespace, 'ip route show table all proto 19').trim().split('\n')
    const some = random.some(shown.filter((line) => line.includes('encap mpls')))
    const changed = some.map((line) =>
      line.replace(/via inet \S+|via [\d.]+/, `via ${ELSEWHERE}`).replace('linkdown', ''),
    )
    const lines = how === 'del' ? some : changed
    attempt(
      home.namespace,
      [],
      lines.map((line) => `route ${how} ${line} proto 19`),
    )
    return `${how}: ${some.join('; ')}`
  }

const labels: Fault = async ({ customers: [{ home }] }) => {
  const shown = runIn(home.namespace, 'ip -f mpls route').trim().split('\n')
  const words = shown.map((line) => line.split(' ')[0]!)
  attempt(
    home.namespace,
    ['-f', 'mpls'],
    words.map((one) => `route del ${one}`),
  )
  return `labels ${words.join(', ')} deleted`
}

const FAULTS: readonly Fault[] = [
  killed('SIGKILL'),
  killed('SIGTERM'),
  stopped,
  by('link del VRF'),
  by('link set VRF down'),
  by('link set VRF down', 'link set VRF up'),
  by('link set VRF down', 'link set VRF name stray'),
  by('link set VRF alias of-rack-7'),
  by('link set PORT nomaster'),
  by('link set PORT down', 'link set PORT up'),
  by('address flush dev PORT scope global'),
  by('neighbour flush dev PORT nud permanent'),
  by('link set core down', 'link set core up'),
  routes('del'),
  routes('replace'),
  labels,
  setting('mpls/conf/core/input', 0),
  setting('ipv4/conf/PORT/forwarding', 0),
  setting('ipv4/conf/PORT/proxy_arp', 0),
  setting('ipv4/conf/VRF/forwarding', 0),
  setting('ipv6/conf/PORT/proxy_ndp', 0),
  setting('ipv6/conf/PORT/accept_ra', 2),
]

test(`IP VPNs: after each of ${STEPS} faults, forwarding and status are as they should be`, async () => {
  const history: string[] = []
  try {
    for (let step = 1; step <= STEPS; step++) {
      const random = Random.for(SEED, `step ${step}`)
      const site = random.pick(sites)
      const what = await random.pick(FAULTS)(site, random)
      history.push(`${step}: ${site.customers[0].home.name}: ${what}`)
      const begun = performance.now()
      await fleet.lab.eventually('all is as it was', isRight)
      history.push(`   right ${Math.round(performance.now() - begun)} ms later`)
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${history.join('\n')}`)
  } finally {
    console.log(history.join('\n'))
  }
  expect(history).toHaveLength(2 * STEPS)
}, 900_000)

async function isRight() {
  for (const look of [kernels, statuses, verified]) {
    const wrong = await look()
    if (wrong.length > 0) return { seen: wrong.join('\n    ') }
  }
  await forwards()
  return { value: true }
}

async function kernels(): Promise<string[]> {
  return sites.flatMap((site, i) => {
    const now = kernel(site)
    const { name } = site.customers[0].home
    return [
      ...right[i]!.filter((line) => !now.includes(line)).map((line) => `${name}: missing: ${line}`),
      ...now.filter((line) => !right[i]!.includes(line)).map((line) => `${name}: extra: ${line}`),
    ]
  })
}

async function statuses(): Promise<string[]> {
  const all = await Promise.all(sites.map(({ daemon }) => fetchJson<ShownStatus>(daemon.api, '/status')))
  return all.flatMap(({ problems }) => problems.filter((problem) => !REPEATED.test(problem)))
}

async function verified(): Promise<string[]> {
  const all = await Promise.all(sites.map(({ daemon }) => request(daemon.api, '/status/verify', {})))
  return all.flatMap(({ body }) =>
    (JSON.parse(body) as ShownVerification).faults.map(({ fault, entry }) => `${fault}: ${entry}`),
  )
}

/** Customers of a VPN reach each other, and no others. */
async function forwards(): Promise<void> {
  const [one, two] = sites.map(({ customers }) => customers) as [Site['customers'], Site['customers']]
  for (const i of [0, 1] as const) await fleet.reaches(one[i], two[i])
  const [stranger = ''] = two[1].address.split('/')
  expect(() => runIn(one[0].namespace, `ping -c 1 -W 0.3 ${stranger}`)).toThrow()
}

const SETTINGS = ['forwarding', 'proxy_arp'].map((name) => `ipv4/conf/PORT/${name}`)

/** What a machine has of its IP VPNs in the kernel, a line each. */
function kernel({ customers, devices }: Site): string[] {
  const { namespace } = customers[0].home
  const ask = (family: string, ...questions: string[]) =>
    outputOf('ip', ['-n', nameOf(namespace), family, '-batch', '-'], questions.join('\n'))
      .split('\n')
      .map((line) => line.replace(/ linkdown| (onlink)| expires \S+/g, ' $1').trimEnd())
  const links = JSON.parse(runIn(namespace, 'ip -json -d link')) as {
    ifname: string
    flags: string[]
    master?: string
    ifalias?: string
    linkinfo?: { info_kind?: string; info_data?: { table?: number } }
  }[]
  const settings = inside(namespace, () =>
    customers.flatMap(({ port }) =>
      SETTINGS.map((name) => name.replace('PORT', port)).map(
        (name) => `${name} = ${readFileSync(`/proc/sys/net/${name}`, 'utf8').trim()}`,
      ),
    ),
  )
  return [
    ...links.map(
      ({ ifname, flags, master, ifalias, linkinfo }) =>
        `link ${ifname} ${flags.includes('UP')} ${flags.includes('LOWER_UP')} in ${master} alias ${ifalias} table ${linkinfo?.info_data?.table}`,
    ),
    ...ask('-4', 'route show table all proto 19', 'neighbour show nud permanent', 'rule'),
    ...ask(
      '-6',
      'route show table all proto 19',
      'neighbour show nud permanent',
      'rule',
      'neighbour show proxy',
    ),
    ...ask('-M', 'route'),
    ...customers.flatMap(({ port }) =>
      runIn(namespace, `ip -brief address show dev ${port}`)
        .split(/\s+/)
        .filter((word) => word.includes('/') && !word.startsWith('fe80')),
    ),
    ...devices.flatMap((device) =>
      runIn(namespace, `ip route show vrf ${device} type unreachable`).trim().split('\n'),
    ),
    ...settings,
  ].sort()
}
