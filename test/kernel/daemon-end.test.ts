import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { textOf } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { runDaemon } from '../../src/daemon.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { createLog, type Logs, plainLog } from '../../src/log.ts'
import { temporaryFiles } from '../support/files.ts'
import { freePort } from '../support/lone-daemon.ts'
import { enterOwnNamespace, run } from './namespace.ts'

/** What the process holds of the machine: descriptors by what they are, threads, and what keeps its event loop alive. */
function held(): string[] {
  const descriptors = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'n')
    } catch {
      return [] // the one by which the directory was read
    }
  })
  const threads = readdirSync('/proc/self/task').map(() => 'thread')
  return [...descriptors, ...threads, ...process.getActiveResourcesInfo()].sort()
}

/** A daemon from its start to its end: with a peer that is not there, one that it listens for, and a VM. */
async function live(directory: string, logs: Logs, forwardingThread: boolean): Promise<void> {
  const api = { host: '127.0.0.1', port: await freePort() }
  const sections = {
    DEFAULT: { forwarding_thread: `${forwardingThread}`, state_file: join(directory, 'state') },
    BGP: { local_address: '127.0.0.1', my_as: '64512', peers: '127.0.0.9,127.0.0.10' },
    API: { host: api.host, port: `${api.port}` },
    DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
  }
  const file = 'the test'
  const assignments = Object.entries(sections).flatMap(([section, options]) =>
    Object.entries(options).map(([option, value]) => ({ section, option, value, file, line: null })),
  )
  const load = () => interpret(textOf(assignments))
  const daemon = await runDaemon(load(), logs, { load })
  const attach = {
    vpn_type: 'evpn',
    vpn_instance_id: 'net1',
    local_port: { linuxif: 'tap1' },
    mac_address: '02:00:00:00:01:01',
    ip_address: '192.168.10.1/24',
    import_rt: '64512:10',
    export_rt: '64512:10',
    vni: 100,
  }
  const { status, body } = await request(api, '/attach_localport', attach)
  expect({ status, body }).toEqual({ status: 200, body: 'null' })
  expect(await fetchJson(api, '/status')).toMatchObject({ instances: { endpoints: 1 } })
  await daemon.close()
}

test.each([true, false])(
  'a daemon leaves no socket, timer or thread when it ends; forwarding thread: %s',
  async (thread) => {
    enterOwnNamespace()
    run('ip tuntap add dev tap1 mode tap')
    const directory = temporaryFiles({})
    const logs = createLog(plainLog(false, '/dev/null'))
    // Node and libc keep some things once they were needed
    await live(directory, logs, thread)
    const before = await atRest()
    await live(directory, logs, thread)
    await eventually('all is closed', async () => {
      const more = grown(before, held())
      return more.length === 0 ? { value: true } : { seen: more.join(', ') }
    })
  },
)

/** What is held when no timer runs, such as those of this client, and nothing has changed for a while. */
async function atRest(): Promise<string[]> {
  let last = ''
  let same = 0
  return eventually(
    'all is closed that ends later',
    async () => {
      const now = held()
      same = now.join() === last ? same + 1 : 0
      last = now.join()
      return same > 50 && !now.includes('Timeout') ? { value: now } : { seen: last }
    },
    100,
  )
}

/** What there is more of than before. */
function grown(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before]
  return after.filter((one) => {
    const index = left.indexOf(one)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}
