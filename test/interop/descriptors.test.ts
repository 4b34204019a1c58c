import { readdirSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { writeEndOfRib } from '../../src/bgp/message/pack.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { fetchJson, request, type Server } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { session } from '../support/interop.ts'
import { freePort, loneDaemon } from '../support/lone-daemon.ts'
import { TcpPeer } from '../support/tcp-peer.ts'

function open({ host, port }: Server, count: number): Socket[] {
  const sockets = Array.from({ length: count }, () => connect(port, host).on('error', () => {}))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  return sockets
}

const first = (socket: Socket, ...events: readonly string[]) =>
  new Promise((resolve) => {
    for (const event of events) socket.once(event, resolve)
  })

describe('connections to the API', () => {
  test('those without a request go first; who asks is served', async () => {
    const { api } = await loneDaemon({ by: ['prlimit', '--nofile=80:80'] })
    const sockets = open(api, 300)
    await Promise.all(sockets.map((socket) => first(socket, 'connect', 'close')))
    for (let i = 0; i < 20; i++) expect((await request(api, '/status')).status).toBe(200)
    await eventually('the oldest are closed', async () => {
      const left = sockets.filter(({ destroyed }) => !destroyed).length
      return left < 40 ? { value: left } : { seen: `${left} left` }
    })
  })

  test('one that sends nothing, and one that sends half a request, is closed', async () => {
    const { api } = await loneDaemon()
    const [silent, slow] = open(api, 2) as [Socket, Socket]
    slow.write('GET /ping HTTP/1.1\r\nhost: ')
    const answer = text(slow)
    await Promise.all(
      [silent, slow].map((socket) => new Promise((resolve) => socket.once('close', resolve).resume())),
    )
    expect(await answer).toMatch(/^HTTP\/1.1 408 /)
  })

  test('where all have a request, a new one is refused with the reason', async () => {
    const { api } = await loneDaemon({ by: ['prlimit', '--nofile=80:80'] })
    const asking =
      'POST /attach_localport HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n'
    const sockets = open(api, 60)
    for (const socket of sockets) socket.write(asking)
    await Promise.all(sockets.map((socket) => first(socket, 'data', 'close')))
    const { status, body } = await ping(api)
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({ code: 503, description: 'the API has too many connections' })
  })
})

test('clients of a reflector leave the API what it needs, and status reports those beyond it', async () => {
  const listen_port = await freePort()
  const BGP = { listen: 'true', listen_port, reflector: 'true', reflector_clients: '127.0.0.0/8' }
  const { problems } = await loneDaemon({ by: ['prlimit', '--nofile=80:80'], settings: { BGP } })
  const clients = Array.from({ length: 60 }, (_, i) =>
    connect({ port: listen_port, host: '127.0.0.1', localAddress: `127.1.0.${i + 1}` }).on('error', () => {}),
  )
  onTestFinished(() => {
    for (const socket of clients) socket.destroy()
  })
  await Promise.all(clients.map((socket) => first(socket, 'data', 'close')))
  expect(await problems()).toContainEqual(
    expect.stringMatching(
      /^no more than 16 peers may connect from 127\.0\.0\.0\/8: 127\.1\.0\.\d+ was refused/,
    ),
  )
})

/** A request on a connection of its own. */
function ping({ host, port }: Server): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    httpRequest({ host, port, path: '/ping', agent: false }, async (response) =>
      resolve({ status: response.statusCode, body: await text(response) }),
    )
      .once('error', reject)
      .end()
  })
}

/** From SIGUSR2 on the process has no file descriptor left, whatever it closes; at SIGPWR all of them again. */
const HOG = `
import { closeSync, openSync } from 'node:fs'
const held = []
const hold = () => {
  try {
    for (;;) held.push(openSync('/dev/null'))
  } catch {}
}
let timer
process.on('SIGUSR2', () => { hold(); timer = setInterval(hold, 10) })
process.on('SIGPWR', () => {
  clearInterval(timer)
  for (const fd of held.splice(0)) closeSync(fd)
})
`

const FILES = 200

describe('without a file descriptor left', () => {
  let lab: Lab
  beforeEach(() => {
    lab = new Lab()
  })
  afterEach(() => lab.close())

  test.each([
    ['in its own thread', 'true'],
    ['in the thread of BGP', 'false'],
  ])(
    'the forwarding loop %s goes on when there are some again, and the session stays up',
    async (_, forwarding_thread) => {
      const host = { name: 'node', namespace: lab.addNamespace('node'), address: '127.0.0.1' }
      lab.enter(host.namespace)
      const script = join(lab.directory, 'hog.mjs')
      writeFileSync(script, HOG)
      const settings = {
        DEFAULT: { forwarding_thread },
        BGP: { peers: '127.0.0.2', my_as: AS, passive: 'true', enable_rtc: 'false' },
      }
      const by = ['env', `NODE_OPTIONS=--import=${script}`, 'prlimit', `--nofile=${FILES}:${FILES}`]
      const daemon = await startChanter(lab, host, settings, by)
      const peer = TcpPeer.connect('127.0.0.2', host.address, 179).keepAlive()
      onTestFinished(() => peer.hangUp())
      peer.sendOpen({ capabilities: { ...noCapabilities(), families: [EVPN], fourOctetAs: AS } })
      await session(lab, daemon, '127.0.0.2', true)

      await fetchJson<Status>(daemon.api, '/status') // which the loop has to have begun for
      const pid = daemon.process.pid ?? 0
      process.kill(pid, 'SIGUSR2')
      const w = new Writer()
      writeEndOfRib(w, EVPN)
      await lab.eventually('it has no file descriptor left', async () => {
        const files = readdirSync(`/proc/${pid}/fd`).length
        return files >= FILES ? { value: files } : { seen: `${files}` }
      })
      peer.send(w.copy())
      await logs(daemon, 'forwarding loop failed')

      process.kill(pid, 'SIGPWR')
      await lab.eventually('all is well again', async () => {
        const { problems, forwarding_loop } = await fetchJson<Status>(daemon.api, '/status')
        return problems.length === 0 && forwarding_loop.count > 0
          ? { value: true }
          : { seen: problems.join() }
      })
      expect(peer.ended).toBeNull()
    },
  )

  const logs = ({ process }: LabDaemon, words: string) =>
    lab.eventually(`the log says ${words}`, async () => {
      const output = process.tail(50)
      return output.includes(words) ? { value: true } : { seen: output.slice(-200) }
    })
})

interface Status {
  readonly problems: readonly string[]
  readonly forwarding_loop: { readonly count: number }
}
