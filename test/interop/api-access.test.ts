import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { API_PORT } from '../../src/config/api-address.ts'
import { CHANTER, formatIni } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, type LabHost } from '../../src/lab/network.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { Authority, pem } from '../support/certificates.ts'

const NODE = '10.77.0.11'
const TOKEN = '0123456789abcdef0123456789abcdef'
const GROUP = '54321'
const UNPRIVILEGED = '65534'
/** File descriptors of the daemon. */
const DESCRIPTORS = 120

let lab: Lab
let reflector: LabHost
let node: LabHost
let directory: string
let authority: Authority
let daemon: LabProcess
let starts = 0

const path = (name: string) => join(directory, name)
const socket = () => path('api.sock')
const unix = () => ({ host: '', port: 0, socket: socket() })

/** The configuration file of a daemon that changes no kernel. */
function configuration(name: string, API: Readonly<Record<string, string>>): string {
  const file = path(name)
  writeFileSync(file, formatIni({ BGP: { local_address: NODE, my_as: 64512, listen: 'false' }, API }))
  return file
}

const protectedApi = () => ({
  host: '0.0.0.0',
  socket: socket(),
  socket_mode: '0660',
  socket_group: GROUP,
  token_file: path('token'),
  tls_cert_file: path('node.crt'),
  tls_key_file: path('node.key'),
  tls_client_ca_file: authority.ca,
})

/** Starts the daemon with every protection; resolves when it answers on its socket. */
async function start(): Promise<void> {
  const file = configuration('protected.conf', protectedApi())
  const command = [
    'prlimit',
    `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`,
    CHANTER,
    'daemon',
    '--config-file',
    file,
  ]
  daemon = lab.start(node.namespace, `daemon${++starts}`, ...command)
  await lab.eventually('the API answers on its socket', async () => ({
    value: await request(unix(), '/ping'),
  }))
}

const onNode = (...command: readonly string[]) => lab.exec(node.namespace, ...command)

/** The status of `/ping` for a client on another machine that presents these. */
async function elsewhere(given: { token?: string; client?: { cert: string; key: string } }): Promise<number> {
  const client =
    given.client === undefined ? {} : { cert: pem(given.client.cert), key: pem(given.client.key) }
  const tls = { ca: pem(authority.ca), ...client }
  return (await request({ host: NODE, port: API_PORT, token: given.token, tls }, '/ping')).status
}

beforeAll(async () => {
  lab = new Lab()
  reflector = await addReflector(lab, '10.77.0.1')
  node = await addNode(lab, reflector, 'pe', NODE)
  directory = mkdtempSync(join(tmpdir(), 'chanter-'))
  chmodSync(directory, 0o755)
  authority = new Authority(directory, 'ca')
  authority.issue('node', NODE)
  writeFileSync(path('token'), `${TOKEN}\n`)
  chmodSync(path('token'), 0o604)
  await start()
})

afterAll(() => {
  lab.close()
  rmSync(directory, { recursive: true })
})

test('on any address and without credentials it answers its own machine alone, and says what to write', async () => {
  const port = API_PORT + 1
  const open = lab.start(
    node.namespace,
    'open',
    CHANTER,
    'daemon',
    '--config-file',
    configuration('open.conf', { api_host: '0.0.0.0', api_port: `${port}` }),
  )
  const curl = (address: string) => onNode('curl', '-sS', `http://${address}:${port}/ping`)
  await lab.eventually('the API answers', async () => ({ value: await curl('127.0.0.1') }))
  expect(await curl(NODE)).toMatch(/^\d+$/)
  const { status, body } = await request({ host: NODE, port }, '/ping')
  expect([status, JSON.parse(body).error_code]).toEqual([403, 'CLIENT_REFUSED'])
  const { problems } = JSON.parse(await onNode('curl', '-sS', `http://127.0.0.1:${port}/status`))
  expect(problems).toContainEqual(
    expect.stringMatching(
      /\[API\] host = "0\.0\.0\.0": clients on other machines are refused, .* yes-anyone-may-reconfigure-this-node/,
    ),
  )
  await open.stop()
})

describe('another machine', () => {
  test('is answered with the token, or a certificate of the CA', async () => {
    expect(await elsewhere({ token: TOKEN })).toBe(200)
    expect(await elsewhere({ client: authority.issue('operator', '10.77.0.1') })).toBe(200)
  })

  test('is refused without, or with those of others', async () => {
    const other = new Authority(directory, 'other').issue('stranger', '10.77.0.1')
    expect(await elsewhere({})).toBe(401)
    expect(await elsewhere({ token: `${TOKEN}0` })).toBe(401)
    expect(await elsewhere({ client: other })).toBe(401)
  })

  test('gets no answer without TLS, whatever it presents', async () => {
    const answer = request({ host: NODE, port: API_PORT, token: TOKEN }, '/ping')
    await expect(answer).rejects.toThrow('no answer')
  })

  test('scrapes metrics by curl, and asks by the CLI', async () => {
    const there = (...command: readonly string[]) => lab.exec(reflector.namespace, ...command)
    const url = `https://${NODE}:${API_PORT}/metrics`
    const header = `Authorization: Bearer ${TOKEN}`
    expect(await there('curl', '-sS', '--cacert', authority.ca, '-H', header, url)).toContain('# HELP')
    const server = ['--server', `https://${NODE}`, '--tls-ca-file', authority.ca]
    expect(
      await there(CHANTER, 'looking-glass', 'config', ...server, '--token-file', path('token')),
    ).not.toContain(TOKEN)
    await expect(there(CHANTER, 'looking-glass', ...server)).rejects.toThrow(
      '401: Unauthorized: expected the header `Authorization: Bearer TOKEN` or a client certificate',
    )
  })
})

test('connections that begin no handshake keep no client out', async () => {
  const sockets = Array.from({ length: 3 * DESCRIPTORS }, () => connect(API_PORT, NODE).on('error', () => {}))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  expect(await elsewhere({ token: TOKEN })).toBe(200)
  expect(await onNode('curl', '-sS', '-m', '5', `http://127.0.0.1:${API_PORT}/ping`)).toMatch(/^\d+$/)
  for (const socket of sockets) socket.destroy()
})

test('agents of this machine go on without token and TLS', async () => {
  const answer = await onNode('curl', '-sS', `http://127.0.0.1:${API_PORT}/ping`)
  expect(answer).toMatch(/^\d+$/)
})

test('every user could read the token: a problem of the node', async () => {
  const { problems } = await fetchJson<{ problems: string[] }>(unix(), '/status')
  expect(problems).toContainEqual(expect.stringContaining(`can read the key in ${path('token')}`))
})

describe('the Unix socket', () => {
  const curl = ['curl', '-sS', '--unix-socket', '', 'http://localhost/ping']
  const as = (group: string) => {
    curl[3] = socket()
    return onNode('setpriv', '--reuid', UNPRIVILEGED, '--regid', group, '--clear-groups', ...curl)
  }

  test('lets in its group, and no other account', async () => {
    const { mode, gid } = statSync(socket())
    expect([mode & 0o777, `${gid}`]).toEqual([0o660, GROUP])
    expect(await as(GROUP)).toMatch(/^\d+$/)
    await expect(as(UNPRIVILEGED)).rejects.toThrow('curl')
  })

  test('is what the CLI uses with unix:', async () => {
    const text = await lab.exec(
      reflector.namespace,
      CHANTER,
      'looking-glass',
      'summary',
      '--server',
      `unix:${socket()}`,
    )
    expect(text).toContain('version')
  })

  test('belongs to one daemon: another does not start, and it goes on', async () => {
    const file = configuration('second.conf', { host: 'none', socket: socket() })
    await expect(onNode(CHANTER, 'daemon', '--config-file', file)).rejects.toThrow(
      `another process listens on ${socket()}: stop it, or name another path`,
    )
    expect((await request(unix(), '/ping')).status).toBe(200)
  })

  test('of a daemon that was killed is replaced, and one that is stopped takes it away', async () => {
    daemon.kill()
    expect(statSync(socket()).isSocket()).toBe(true)
    await start()
    await daemon.stop()
    expect(statSync(socket(), { throwIfNoEntry: false })).toBe(undefined)
  })
})
