import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { interpret } from '../../src/config/load.ts'
import { runDaemon } from '../../src/daemon.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { createLog, type Logs } from '../../src/log.ts'
import { temporaryFiles } from '../support/files.ts'
import { freePort } from '../support/lone-daemon.ts'
import { enterOwnNamespace, run } from './namespace.ts'

/** What the process holds of the machine: descriptors by what they are, threads, and what keeps its event loop alive. */
function held() {
  const descriptors = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'n')
    } catch {
      return [] // the one by which the directory was read
    }
  })
  return {
    descriptors: descriptors.sort(),
    threads: readdirSync('/proc/self/task').length,
    resources: process.getActiveResourcesInfo().sort(),
  }
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
  const { config } = interpret(assignments)
  const daemon = await runDaemon(config, logs)
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
  await daemon.stop()
}

test.each([true, false])(
  'a daemon leaves no socket, timer or thread when it ends; forwarding thread: %s',
  async (thread) => {
    enterOwnNamespace()
    run('ip tuntap add dev tap1 mode tap')
    const directory = temporaryFiles({})
    const logs = createLog({ debug: false, file: '/dev/null' })
    // Node and libc keep some things once they were needed
    await live(directory, logs, thread)
    await calm()
    const before = held()
    await live(directory, logs, thread)
    await eventually(
      'all is closed',
      async () => {
        const after = held()
        return isDeepStrictEqual(after, before)
          ? { value: true }
          : { seen: JSON.stringify({ before, after }) }
      },
      30,
    )
  },
  120_000,
)

/** Waits until no timer runs: those of clients, such as this test, end by themselves. */
const calm = () =>
  eventually(
    'no timer runs',
    async () => {
      const { resources } = held()
      return resources.includes('Timeout') ? { seen: resources.join() } : { value: true }
    },
    30,
  )
