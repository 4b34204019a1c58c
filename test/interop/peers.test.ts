import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { CHANTER, type DaemonSettings, type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'

const AS = 64512
const OTHER_AS = 65001
const NODE = '10.77.0.11'
const NODE6 = 'fd00:77::12'
const GOBGP = '10.77.0.1'
const GOBGP6 = 'fd00:77::1'
const FRR = '10.77.0.2'
const EXTERNAL = '10.77.0.3'
const KEY = 's3cret'
const MAC = '02:00:00:00:01:0'

interface Listed {
  readonly id: string
  readonly state: string
  readonly routes: number
  readonly reason: string | null
}

let lab: Lab
let namespace: string
let daemon: LabDaemon

const write = (name: string, text: string): string => {
  const path = join(lab.directory, name)
  writeFileSync(path, text)
  return path
}

/** A gobgpd of its own port and addresses; `neighbours` in its TOML. */
function gobgpd(
  name: string,
  as: number,
  addresses: readonly string[],
  port: number,
  neighbours: string,
): void {
  const list = addresses.map((address) => `"${address}"`).join()
  const head = `[global.config]\n  as = ${as}\n  router-id = "${addresses[0]}"\n  local-address-list = [${list}]\n`
  const file = write(`${name}.conf`, head + neighbours)
  lab.start(namespace, name, 'gobgpd', '--pprof-disable', '--api-hosts', `127.0.0.1:${port}`, '-f', file)
}

interface Side {
  readonly address: string
  /** Where GoBGP connects from; it waits when not given. */
  readonly from?: string
  readonly key?: string
  /** More TOML. */
  readonly more?: string
}

const neighbour = ({ address, from, key, more = '' }: Side): string => `
[[neighbors]]
  config = { neighbor-address = "${address}", peer-as = ${AS}${key === undefined ? '' : `, auth-password = "${key}"`} }
  transport.config = { ${from === undefined ? 'passive-mode = true' : `local-address = "${from}"`} }
  timers.config = { connect-retry = 5, idle-hold-time-after-reset = 5 }
  ${more}
[[neighbors.afi-safis]]
  config = { afi-safi-name = "l2vpn-evpn" }
[[neighbors.afi-safis]]
  config = { afi-safi-name = "rtc" }
`

const gobgp = (port: number, ...words: readonly string[]): Promise<string> =>
  lab.exec(namespace, 'gobgp', '-p', `${port}`, ...words)
const logOf = (process: string) => async (): Promise<string> =>
  lab.processes.find(({ name }) => name === process)!.tail(10_000)
const chanter = (...words: readonly string[]): Promise<string> =>
  lab.exec(namespace, CHANTER, 'peer', ...words, '--server', daemon.api.host)

async function listed(peer: string, { api }: LabDaemon = daemon): Promise<Listed> {
  const all = await fetchJson<Listed[]>(api, '/looking-glass/bgp/peers')
  return all.find(({ id }) => id === peer)!
}

/** Waits until the daemon lists the peer so. */
function shows(peer: string, what: Partial<Listed> | RegExp, of: LabDaemon = daemon): Promise<Listed> {
  const expected = what instanceof RegExp ? { reason: expect.stringMatching(what) } : what
  return lab.eventually(`${peer} is ${what instanceof RegExp ? what : JSON.stringify(what)}`, async () => {
    const seen = await listed(peer, of)
    try {
      expect(seen).toMatchObject(expected)
      return { value: seen }
    } catch {
      return { seen: JSON.stringify(seen) }
    }
  })
}

const up = (peer: string, of: LabDaemon = daemon): Promise<Listed> =>
  shows(peer, { state: 'Established' }, of)

/** Waits until the output matches. */
const prints = (what: string, look: () => Promise<string>, pattern: RegExp): Promise<string> =>
  lab.eventually(`${what} says ${pattern}`, async () => {
    const seen = await look()
    return pattern.test(seen) ? { value: seen } : { seen }
  })

function startNode(settings: DaemonSettings, name = 'node', address = NODE): Promise<LabDaemon> {
  return startChanter(
    lab,
    { name, namespace, address },
    {
      API: { host: address },
      DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'dummy' },
      ...settings,
    },
  )
}

/** The node with all its peers; the external one under this policy. */
function node(policy: 'reject' | 'accept'): Promise<LabDaemon> {
  return startNode({
    BGP: { my_as: AS, peers: `${GOBGP}, ${FRR}, ${EXTERNAL}, ${GOBGP6}`, connect_retry_time: 1 },
    [`BGP_PEER:${GOBGP}`]: {
      md5_key_file: write('bgp.key', `${KEY}\n`),
      ttl_security_hops: 1,
      max_prefixes: 2,
    },
    [`BGP_PEER:${EXTERNAL}`]: {
      peer_as: OTHER_AS,
      ebgp_policy: policy,
      passive: 'true',
      enable_rtc: 'false',
    },
    [`BGP_PEER:${GOBGP6}`]: { local_address: 'fd00:77::11' },
  })
}

async function attach({ api }: LabDaemon): Promise<void> {
  const answer = await request(api, '/attach_localport', {
    vpn_instance_id: 'net1',
    vpn_type: 'evpn',
    import_rt: ['64512:10'],
    export_rt: ['64512:10'],
    mac_address: '02:00:00:00:00:01',
    ip_address: '192.168.10.1/24',
    gateway_ip: '192.168.10.254',
    local_port: { linuxif: 'tap1' },
    vni: 100,
  })
  expect(answer).toEqual({ status: 200, body: 'null' })
}

/** Adds a MAC route to a gobgpd, or takes it away. */
const route = (port: number, does: 'add' | 'del', digit: number, nextHop = '10.77.0.99'): Promise<string> => {
  const mac = ['macadv', `${MAC}${digit}`, '0.0.0.0', 'etag', '0', 'label', '100', 'rd', '10.77.0.99:1']
  const attributes = ['rt', '64512:10', 'encap', 'vxlan', 'nexthop', nextHop]
  return gobgp(port, 'global', 'rib', does, '-a', 'evpn', ...mac, ...(does === 'add' ? attributes : []))
}

function startFrr(): void {
  const file = write(
    'bgpd.conf',
    `router bgp ${AS}
 bgp router-id ${FRR}
 bgp log-neighbor-changes
 no bgp default ipv4-unicast
 neighbor ${NODE} remote-as ${AS}
 neighbor ${NODE} timers connect 1
 address-family l2vpn evpn
  neighbor ${NODE} activate
`,
  )
  // bgpd gives up root before it reads and writes.
  for (const path of [lab.directory, join(lab.directory, '..')]) chmodSync(path, 0o777)
  const own = (name: string): string => join(lab.directory, name)
  const options = ['-n', '-l', FRR, '-f', file, '-i', own('bgpd.pid'), '--log', 'stdout']
  lab.start(namespace, 'bgpd', '/usr/lib/frr/bgpd', ...options, '-z', own('zebra'))
}

beforeAll(async () => {
  lab = new Lab()
  namespace = lab.addNamespace('peers')
  lab.enter(namespace)
  const addresses = [NODE, GOBGP, FRR, EXTERNAL].map((address) => `${address}/24`)
  for (const address of [...addresses, `${GOBGP6}/64`, 'fd00:77::11/64', `${NODE6}/64`])
    await run('ip', 'addr', 'add', address, 'dev', 'lo')
  const more = 'ttl-security.config = { enabled = true, ttl-min = 255 }'
  const ours = [{ address: NODE, key: KEY, more }, { address: 'fd00:77::11' }, { address: NODE6 }]
  gobgpd('gobgpd', AS, [GOBGP, GOBGP6], 50051, ours.map(neighbour).join(''))
  gobgpd('external', OTHER_AS, [EXTERNAL], 50052, neighbour({ address: NODE, from: EXTERNAL }))
  startFrr()
  for (const port of [50051, 50052])
    await lab.eventually('gobgpd answers', async () => ({ value: await gobgp(port, 'neighbor') }))
  daemon = await node('reject')
  await attach(daemon)
})

afterAll(() => lab.close())

describe('options of single peers in bgp.conf', () => {
  test('MD5 and GTSM hold where they are asked for', async () => {
    await up(GOBGP)
    const shown = await fetchJson(daemon.api, `/looking-glass/bgp/peers/${GOBGP}/configuration`)
    expect(shown).toMatchObject({ md5: true, ttl_security_hops: 1, max_prefixes: 2 })
    await up(FRR)
  })

  test('an IPv6 session starts from the address of its section', async () => {
    await up(GOBGP6)
    expect(await fetchJson(daemon.api, `/looking-glass/bgp/peers/${GOBGP6}/peeringAddresses`)).toEqual({
      local_address: 'fd00:77::11',
      peer_address: GOBGP6,
    })
  })

  test('the key shows up nowhere', async () => {
    const config = await request(daemon.api, '/looking-glass/config')
    expect(config.body).toContain('bgp.key')
    for (const shown of [config.body, daemon.process.tail(10_000)]) expect(shown).not.toContain(KEY)
  })
})

describe('an external peer, which calls us', () => {
  test('exchanges no routes without a policy (RFC 8212)', async () => {
    await route(50052, 'add', 9)
    await up(EXTERNAL)
    const rejected = async (): Promise<string> =>
      JSON.stringify(await fetchJson(daemon.api, `/looking-glass/bgp/peers/${EXTERNAL}/routes`))
    await prints('the daemon', rejected, /"rejected":[1-9].*"in_rib":0/)
    expect(await gobgp(50052, 'neighbor', NODE, 'adj-in', '-a', 'evpn')).toContain('not in table')
  })
})

describe('orders', () => {
  test('disable sends FRR the reason, and keeps it down until enable', async () => {
    expect(await chanter('disable', FRR, '--reason', 'cable work')).toContain('disabled: cable work')
    await prints('FRR', logOf('bgpd'), /cable work/)
    await chanter('enable', FRR)
    await up(FRR)
  })

  test('disable and reset send GoBGP the reason', async () => {
    await up(GOBGP6)
    await chanter('disable', GOBGP6, '--reason', 'rack move')
    const log = logOf('gobgpd')
    await prints('GoBGP', log, /rack move/)
    await chanter('enable', GOBGP6)
    await up(GOBGP6)
    await chanter('reset', GOBGP6, '--reason', 'new policy')
    await prints('GoBGP', log, /new policy/)
    await up(GOBGP6)
  })

  test('refresh makes GoBGP re-advertise its routes', async () => {
    await chanter('refresh', GOBGP6)
    const neighbor = () => gobgp(50051, '-j', 'neighbor', 'fd00:77::11')
    await prints('GoBGP', neighbor, /"refresh":\s*[1-9]/)
  })

  test('the reason of a shutdown by the peer is shown', async () => {
    await gobgp(50051, 'neighbor', 'fd00:77::11', 'shutdown', '--reason', 'moving house')
    await shows(GOBGP6, /^received Cease.*"moving house"/)
    expect(await chanter('list')).toContain('"moving house"')
    await gobgp(50051, 'neighbor', 'fd00:77::11', 'enable')
    await up(GOBGP6)
  })
})

describe('too many routes', () => {
  test('end the session until the peer is reset', async () => {
    await up(GOBGP)
    for (const digit of [1, 2]) await route(50051, 'add', digit)
    await shows(GOBGP, { state: 'Established', routes: 2 })
    await route(50051, 'add', 3)
    await shows(GOBGP, {
      state: 'Idle',
      routes: 0,
      reason: 'more than 2 l2vpn/evpn routes; reset the peer to try again',
    })
    await route(50051, 'del', 3)
    await chanter('reset', GOBGP)
    await up(GOBGP)
    await shows(GOBGP, { routes: 2 })
  })
})

describe('a node without IPv4', () => {
  test('has sessions, routes and tunnels over IPv6', async () => {
    await run('ip', 'link', 'add', 'tap1', 'type', 'veth', 'peer', 'name', 'vm1')
    const six = await startNode(
      {
        BGP: {
          my_as: AS,
          router_id: '10.77.0.12',
          peers: GOBGP6,
          enable_rtc: 'false',
          connect_retry_time: 1,
        },
        DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
      },
      'six',
      NODE6,
    )
    await attach(six)
    await up(GOBGP6, six)
    await prints(
      'GoBGP',
      () => gobgp(50051, 'global', 'rib', '-a', 'evpn'),
      /rd:10\.77\.0\.12:\d+.* fd00:77::12 /,
    )
    await route(50051, 'add', 6, 'fd00:77::99')
    const fdb = () => run('bridge', 'fdb', 'show', 'dev', 'vxlan--net1')
    await prints('the kernel', fdb, /02:00:00:00:01:06 dst fd00:77::99 /)
    expect(await run('ip', '-d', 'link', 'show', 'vxlan--net1')).toContain(`local ${NODE6}`)
  })
})

describe('with the policy to accept', () => {
  test('the external peer gets our routes, and we get its', async () => {
    await daemon.process.stop()
    daemon = await node('accept')
    await attach(daemon)
    await up(EXTERNAL)
    await prints(
      'GoBGP',
      () => gobgp(50052, 'neighbor', NODE, 'adj-in', '-a', 'evpn'),
      /02:00:00:00:00:01.* 64512 /,
    )
    await lab.eventually('its route is in our RIB', async () => {
      const { routes } = await listed(EXTERNAL)
      return routes > 0 ? { value: routes } : { seen: `${routes}` }
    })
  })
})
