import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { UNPROTECTED } from '../../src/config/api-options.ts'
import { CHANTER, formatIni, type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { gobgpConfig } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import { Authority, pem } from '../support/certificates.ts'
import { session } from '../support/interop.ts'

const AS = 64512
const US = '10.77.0.11'
const A = { address: '10.77.0.1', port: 50051 }
const B = { address: '10.77.0.2', port: 50052 }
type Gobgp = typeof A

let lab: Lab
let namespace: string
let daemon: LabDaemon
let file: string

const gobgp = ({ port }: Gobgp, ...words: readonly string[]) => run('gobgp', '-p', `${port}`, ...words)

async function startGobgp(of: Gobgp): Promise<void> {
  const { address, port } = of
  const config = join(lab.directory, `gobgpd-${address}.conf`)
  const text = gobgpConfig(AS, address, [US])
  writeFileSync(
    config,
    text.replace('[global]\n  config = {', `[global]\n  config = { local-address-list = ["${address}"],`),
  )
  lab.start(
    namespace,
    `gobgpd-${address}`,
    'gobgpd',
    '--pprof-disable',
    '--api-hosts',
    `127.0.0.1:${port}`,
    '-f',
    config,
  )
  await lab.eventually('gobgpd answers', async () => ({ value: await gobgp(of, 'neighbor') }))
  const route = ['02:00:00:00:01:02', '0.0.0.0', 'etag', '0', 'label', '100', 'rd', `${address}:1`]
  const targets = ['rt', '64512:10', 'encap', 'vxlan', 'nexthop', address]
  await gobgp(of, 'global', 'rib', 'add', '-a', 'evpn', 'macadv', ...route, ...targets)
}

/** Since when the peer has its session with us, in seconds since 1970. */
async function establishedAt(of: Gobgp): Promise<number> {
  const { timers } = JSON.parse(await gobgp(of, 'neighbor', US, '--json'))
  return Number(timers.state.uptime?.seconds ?? 0)
}

function write(
  BGP: Readonly<Record<string, string>>,
  ofPeer: Readonly<Record<string, Record<string, string>>> = {},
) {
  const read = readFileSync(file, 'utf8').replace(/^\[BGP.*?(?=^\[(?!BGP)|$(?![\s\S]))/gms, '')
  const all = { local_address: US, my_as: AS, enable_rtc: 'false', ...BGP }
  writeFileSync(file, `${formatIni({ BGP: all, ...ofPeer })}\n${read}`)
}

const reload = async (...words: readonly string[]) =>
  (await lab.exec(namespace, CHANTER, 'reload', ...words)).trimEnd()
const routes = async (address: string) =>
  (await fetchJson<{ id: string; routes: number }[]>(daemon.api, '/looking-glass/bgp/peers')).find(
    ({ id }) => id === address,
  )?.routes
const logged = () => readFileSync(join(lab.directory, 'node1.log'), 'utf8')

beforeAll(async () => {
  lab = new Lab()
  namespace = lab.addNamespace('node1')
  lab.enter(namespace)
  for (const address of [A.address, B.address, US])
    await run('ip', 'addr', 'add', `${address}/24`, 'dev', 'lo')
  await startGobgp(A)
  await startGobgp(B)
  const host = { name: 'node1', namespace, address: US }
  const BGP = { my_as: AS, peers: A.address, enable_rtc: 'false' }
  daemon = await startChanter(lab, host, { BGP, DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'dummy' } })
  file = join(lab.directory, 'node1.conf')
  await session(lab, daemon, A.address, true)
})

afterAll(() => lab.close())

test('peers are added, changed and removed while the session and the routes of another stay', async () => {
  await lab.eventually('the route of A is here', async () =>
    (await routes(A.address)) === 1 ? { value: 1 } : { seen: 'none' },
  )
  const began = await establishedAt(A)
  write({ peers: `${A.address},${B.address}` })
  expect(await reload('--dry-run')).toBe(`peer ${B.address} added\ndry run: nothing was changed`)
  expect(await routes(B.address)).toBeUndefined()

  expect(await reload()).toBe(`peer ${B.address} added`)
  await session(lab, daemon, B.address, true)
  const first = await establishedAt(B)

  write({ peers: `${A.address},${B.address}` }, { [`BGP_PEER:${B.address}`]: { hold_time: '30' } })
  daemon.process.signal('SIGHUP')
  await lab.eventually('B has another session', async () => {
    const since = await establishedAt(B)
    return since > first ? { value: since } : { seen: `since ${since}` }
  })

  write({ peers: A.address })
  expect(await reload()).toBe(`peer ${B.address} removed`)
  expect(await establishedAt(A)).toBe(began)
  expect(await routes(A.address)).toBe(1)
  expect(await fetchJson(daemon.api, '/status')).toMatchObject({ ok: true, problems: [] })
})

describe('certificates and token of the API', () => {
  const [OLD, NEW] = ['0123456789abcdef0123', 'fedcba9876543210fedc']
  let authority: Authority
  const token = () => join(lab.directory, 'token')

  /** The status of `/ping` on an address that is no loopback one, and the serial number of the certificate there. */
  async function ask(presented: string, ca = authority.ca): Promise<readonly [number, string]> {
    const socket = connect({ host: US, port: daemon.api.port, ca: pem(ca) })
    await once(socket, 'secureConnect')
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    const { status } = await request({ ...daemon.api, token: presented, tls: { ca: pem(ca) } }, '/ping')
    return [status, serialNumber]
  }

  beforeAll(() => {
    authority = new Authority(lab.directory, 'ca')
    authority.issue('node', US)
    writeFileSync(token(), OLD)
    const files = `token_file = ${token()}\ntls_cert_file = ${lab.directory}/node.crt\ntls_key_file = ${lab.directory}/node.key`
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^unprotected = .*$/m, files))
  })

  test('are taken as they are renewed, by command and by signal, and no session ends', async () => {
    const began = await establishedAt(A)
    expect(await reload()).toContain('[API] unprotected: yes-anyone-may-reconfigure-this-node -> no')
    const [status, first] = await ask(OLD)
    expect(status).toBe(200)

    const { cert, key } = authority.issue('node', US)
    writeFileSync(token(), NEW)
    expect((await reload('--dry-run')).split('\n')).toEqual([
      `[API] token_file: ${token()} -> ${token()}, with other content`,
      `[API] tls_cert_file: ${cert} -> ${cert}, with other content`,
      `[API] tls_key_file: ${key} -> ${key}, with other content`,
      'dry run: nothing was changed',
    ])
    expect(await ask(OLD)).toEqual([200, first])
    await reload()
    const [refused, second] = await ask(OLD)
    expect(refused).toBe(401)
    expect(second).not.toBe(first)
    expect(await ask(NEW)).toEqual([200, second])

    authority.issue('node', US)
    daemon.process.signal('SIGHUP')
    await lab.eventually('the third certificate is in use', async () => {
      const [, third] = await ask(NEW)
      return third === second ? { seen: third } : { value: third }
    })
    expect(await establishedAt(A)).toBe(began)
  })

  test('that cannot be used change nothing', async () => {
    const before = await ask(NEW)
    const other = new Authority(lab.directory, 'other').issue('stranger', US)
    writeFileSync(join(lab.directory, 'node.key'), pem(other.key))
    await expect(reload()).rejects.toThrow(
      /tls_cert_file = .*: cannot be used with tls_key_file .*key values mismatch/,
    )
    expect(await ask(NEW)).toEqual(before)
    authority.issue('node', US)
    await reload()
  })

  /** What `/ping` answers over the one connection of an agent, again and again. */
  function overOne(agent: http.Agent, module: Pick<typeof http, 'get'>, options: object = {}) {
    return async (): Promise<number | undefined> => {
      const asked = module.get({ host: US, port: daemon.api.port, path: '/ping', agent, ...options })
      const [answer] = (await once(asked, 'response')) as [http.IncomingMessage]
      answer.resume()
      await once(answer, 'end')
      return answer.statusCode
    }
  }

  test('are asked of connections that are older, too', async () => {
    const replace = (pattern: RegExp, by: string) =>
      writeFileSync(file, readFileSync(file, 'utf8').replace(pattern, by))
    replace(/^token_file[^[]*/m, `unprotected = ${UNPROTECTED}\n\n`)
    await reload()
    const plainAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const plain = overOne(plainAgent, http)
    expect(await plain()).toBe(200)

    const own = `tls_cert_file = ${lab.directory}/node.crt\ntls_key_file = ${lab.directory}/node.key`
    replace(/^unprotected = .*$/m, `${own}\ntls_client_ca_file = ${authority.ca}`)
    await reload()
    expect(await plain()).toBe(401)
    const client = authority.issue('client', US)
    const tlsAgent = new https.Agent({ keepAlive: true, maxSockets: 1 })
    const given = { ca: pem(authority.ca), cert: pem(client.cert), key: pem(client.key) }
    const certified = overOne(tlsAgent, https, given)
    expect(await certified()).toBe(200)

    replace(/^tls_client_ca_file = .*$/m, `tls_client_ca_file = ${new Authority(lab.directory, 'next').ca}`)
    await reload()
    expect(await certified()).toBe(401)
    for (const agent of [plainAgent, tlsAgent]) agent.destroy()
    replace(/^tls_cert_file[^[]*/m, `unprotected = ${UNPROTECTED}\n\n`)
    await reload()
    expect((await request(daemon.api, '/ping')).status).toBe(200)
  })
})

test('a typo changes nothing, by command and by signal, and is reported', async () => {
  const began = await establishedAt(A)
  write({ peers: B.address, hold_time: 'ninety' })
  const refusals = () => logged().match(/configuration cannot be used; nothing is changed/g)?.length ?? 0
  const before = refusals()
  await expect(reload()).rejects.toThrow(/\[BGP\] hold_time = "ninety": expected/)
  daemon.process.signal('SIGHUP')
  await lab.eventually('the log has both', async () => {
    const more = refusals() - before
    return more === 2 ? { value: more } : { seen: `${more}` }
  })
  expect(await establishedAt(A)).toBe(began)
  expect(await routes(A.address)).toBe(1)
})
