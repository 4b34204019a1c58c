import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { UNPROTECTED } from '../../src/config/api-options.ts'
import {
  answers,
  CHANTER,
  formatIni,
  type LabDaemon,
  startChanter,
  startChanterReflector,
} from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from '../../src/lab/network.ts'
import { attach } from '../support/interop.ts'
import { decodeState } from '../support/state.ts'

const BGP = { my_as: 64512 }
const UNPRIVILEGED = 65_534

let lab: Lab
let host: LabHost
let vm: Vm
let daemon: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  const hub = await addReflector(lab, '10.77.0.1')
  host = await addNode(lab, hub, 'node1', '10.77.0.11')
  vm = await addVm(lab, host, 'vm1', 0x020000000101, '192.168.10.1/24')
  daemon = await startChanter(lab, host, { BGP })
  await attach(daemon, vm)
})

afterAll(() => lab.close())

const stateFile = () => join(lab.directory, `${host.name}.state`)
const links = () => run('ip', '-n', host.namespace, '-o', 'link')
const anotherOne = (namespace: string, ...more: string[]) =>
  lab.exec(namespace, CHANTER, 'daemon', '--config-file', join(lab.directory, `${host.name}.conf`), ...more)

/** What an error says of the daemon that runs. */
const reported = (what: string) => {
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z`
  return new RegExp(
    `chanter: ${what} is in use by pid ${daemon.process.pid} \\(.*main.js daemon --config-file .*\\), since ${time}: stop that first`,
  )
}

/** Waits for an API; resolves to its ping number. */
test('a second daemon in the network namespace does not start, and names the one that runs', async () => {
  await expect(anotherOne(host.namespace)).rejects.toThrow(reported('this network namespace'))
  expect(await fetchJson(daemon.api, '/looking-glass/vpns/instances')).toHaveLength(1)
})

test('nor does one in another namespace that would have the same state file', async () => {
  const elsewhere = lab.addNamespace('elsewhere')
  await expect(anotherOne(elsewhere)).rejects.toThrow(reported(`state file ${stateFile()}`))
})

test('nor does one that cannot see who has the lock', async () => {
  const hidden = join(lab.directory, 'hidden')
  const listener = createServer().listen(hidden)
  onTestFinished(() => void listener.close())
  await lab.eventually('there is a socket', async () =>
    existsSync(hidden) ? { value: true } : { seen: 'none' },
  )
  // a socket cannot be opened
  const blind = `mount --bind ${hidden} /proc/locks && exec timeout 20 "$@"`
  const config = join(lab.directory, `${host.name}.conf`)
  const command = [CHANTER, 'daemon', '--config-file', config]
  await expect(
    lab.exec(host.namespace, 'unshare', '--mount', 'sh', '-c', blind, 'sh', ...command),
  ).rejects.toThrow('chanter: this network namespace is in use by a process that cannot be seen from here')
})

test('cleanup removes nothing under a daemon, with any options for state and port', async () => {
  const before = await links()
  for (const file of [stateFile(), '/nonexistent/state']) {
    const cleanup = lab.exec(host.namespace, CHANTER, 'cleanup', '--force', '--state-file', file)
    await expect(cleanup).rejects.toThrow(reported('this network namespace'))
  }
  expect(await links()).toBe(before)
  expect(existsSync(stateFile())).toBe(true)
})

test('a reflector, which programs nothing, runs beside it', async () => {
  const reflector = await startChanterReflector(lab, host, 64512, ['--port', '1790'], 8083)
  await reflector.stop()
})

test('one that is started while the former ends waits for it, and goes on from its state under a new ping number', async () => {
  const ping = await request(daemon.api, '/ping')
  const former = daemon.process
  // it gets its signal only when the other one has seen it
  process.kill(former.pid!, 'SIGSTOP')
  const log = join(lab.directory, 'successor.log')
  const successor = lab.start(
    host.namespace,
    'successor',
    CHANTER,
    'daemon',
    '--config-file',
    join(lab.directory, `${host.name}.conf`),
  )
  await lab.eventually('the successor waits', async () => {
    const text = readFileSync(log, 'utf8')
    return text.includes('waiting for another daemon to end') ? { value: true } : { seen: text.slice(-200) }
  })
  process.kill(former.pid!, 'SIGCONT')
  expect(await former.stop('SIGTERM')).toBe(0)
  daemon = { ...daemon, process: successor }
  // agents that were down send nothing until the number changes
  expect(await answers(lab, daemon.api, 'the API answers')).not.toBe(ping.body)
  expect(await fetchJson(daemon.api, '/looking-glass/vpns/instances')).toHaveLength(1)
})

test('when it is killed, nothing keeps the next one or cleanup from their work', async () => {
  await daemon.process.stop('SIGKILL')
  await lab.exec(host.namespace, CHANTER, 'cleanup', '--state-file', stateFile())
  expect(existsSync(`${stateFile()}.lock`)).toBe(false)
  daemon = await startChanter(lab, host, { BGP })
  await attach(daemon, vm)
  await daemon.process.stop()
})

test('without root, and with nothing but the directory of its state to write to, one keeps out another one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const config = join(directory, 'bgp.conf')
  writeFileSync(
    config,
    formatIni({
      BGP: { ...BGP, local_address: host.address },
      DEFAULT: { state_file: join(directory, 'state') },
      API: { host: host.address, unprotected: UNPROTECTED },
      DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
    }),
  )
  chownSync(directory, UNPRIVILEGED, UNPRIVILEGED)
  const caps = '+net_admin,+net_bind_service,+bpf'
  const confined = `mount --bind ${directory} ${directory} && mount -o remount,ro,bind / &&
    exec setpriv --reuid ${UNPRIVILEGED} --regid ${UNPRIVILEGED} --clear-groups --inh-caps ${caps} --ambient-caps ${caps} "$@"`
  const command = ['sh', '-c', confined, 'sh', CHANTER, 'daemon', '--config-file', config]
  const one = lab.start(host.namespace, 'unprivileged', ...command)
  await answers(lab, daemon.api, 'the API answers')
  await attach(daemon, vm)
  expect(one.tail(1000)).not.toContain('cannot be locked')
  await expect(lab.exec(host.namespace, ...command)).rejects.toThrow(
    `this network namespace is in use by pid ${one.pid} (`,
  )
  await one.stop('SIGKILL')
  const state = decodeState(readFileSync(join(directory, 'state'), 'utf8'))
  expect(state.instances).toMatchObject([{ id: 'net1', attachments: [{ port: vm.port }] }])
})
