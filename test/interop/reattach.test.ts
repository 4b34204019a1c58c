import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanter, startChanterReflector } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, type LabHost } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'
import { formatMac } from '../../src/values/mac.ts'
import { session, updatesSent } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const ENDPOINTS = Number(process.env['ENDPOINTS'] ?? 500)
const PORTS = 20
const BGP = { peers: REFLECTOR, my_as: AS }

let lab: Lab
let host: LabHost
let daemon: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  const reflector = await addReflector(lab, REFLECTOR)
  await startChanterReflector(lab, reflector, AS)
  host = await addNode(lab, reflector, 'node1', '10.77.0.11')
  for (let port = 0; port < PORTS; port++) {
    await run('ip', '-n', host.namespace, 'tuntap', 'add', 'dev', `tap${port}`, 'mode', 'tap')
    await run('ip', '-n', host.namespace, 'link', 'set', `tap${port}`, 'up')
  }
  daemon = await startChanter(lab, host, { BGP })
})

afterAll(() => lab.close())

/** What an agent sends for an endpoint; each port has a network of its own. */
function attachment(endpoint: number): Record<string, unknown> {
  const port = endpoint % PORTS
  return {
    vpn_instance_id: `evpn_net${port}`,
    vpn_type: 'evpn',
    import_rt: [`${AS}:${port}`],
    export_rt: [`${AS}:${port}`],
    mac_address: formatMac(0x020000000000 + endpoint),
    ip_address: `10.${endpoint >> 16}.${(endpoint >> 8) & 255}.${endpoint & 255}`,
    local_port: { linuxif: `tap${port}` },
    vni: 100 + port,
    description: { port: `port ${endpoint}` },
  }
}

/** Milliseconds of each attach, one after the other as an agent sends them, in order of length. */
async function attachAll(): Promise<number[]> {
  const taken: number[] = []
  for (let endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
    const begun = performance.now()
    const { status, body } = await request(daemon.api, '/attach_localport', attachment(endpoint))
    taken.push(performance.now() - begun)
    if (status !== 200) throw new Error(`attach: ${status} ${body}`)
  }
  return taken.sort((a, b) => a - b)
}

const ready = () =>
  lab.eventually('the daemon is ready', async () => {
    const { status, body } = await request(daemon.api, '/readyz')
    return status === 200 ? { value: body } : { seen: body }
  })

test('repeated attaches of an agent after a restart change nothing', { timeout: 1_200_000 }, async () => {
  const first = await attachAll()
  const ping = await request(daemon.api, '/ping')
  await daemon.process.stop('SIGTERM')
  daemon = await startChanter(lab, host, { BGP })
  await session(lab, daemon, REFLECTOR, true)
  await ready()
  expect((await request(daemon.api, '/ping')).body).not.toBe(ping.body)
  await lab.eventually('every endpoint is advertised again', async () => {
    const routes = await fetchJson<unknown[]>(
      daemon.api,
      '/looking-glass/vpns/instances/evpn_net0/adv_routes',
    )
    return routes.length === Math.ceil(ENDPOINTS / PORTS) + 1
      ? { value: routes }
      : { seen: `${routes.length}` }
  })

  const monitors = [
    lab.start(host.namespace, 'ip-monitor', 'ip', 'monitor', 'all'),
    lab.start(host.namespace, 'bridge-monitor', 'bridge', 'monitor', 'all'),
  ]
  const state = join(lab.directory, `${host.name}.state`)
  const [updates, { size, mtimeMs }] = [await updatesSent(daemon, REFLECTOR), statSync(state)]
  const again = await attachAll()
  const at = (all: readonly number[], quantile: number) => all[Math.floor(quantile * (all.length - 1))]!
  const told = (all: readonly number[]) =>
    `p50 ${at(all, 0.5).toFixed(1)} ms, p99 ${at(all, 0.99).toFixed(1)} ms`
  console.log(`${ENDPOINTS} attaches: first ${told(first)}; again after a restart ${told(again)}`)
  expect(statSync(state)).toMatchObject({ size, mtimeMs })
  // what the monitors are certain to tell, so that their silence means something
  await run('ip', '-n', host.namespace, 'link', 'add', 'witness', 'type', 'bridge')
  for (const monitor of monitors) {
    await lab.eventually('the monitor tells of the witness', async () => {
      const said = monitor.tail(100_000)
      return said.includes('witness') ? { value: said } : { seen: said }
    })
    expect(monitor.tail(100_000).split('witness')[0]?.split('\n')).toHaveLength(1)
  }
  // last of all, for UPDATEs are sent a moment later
  expect(await updatesSent(daemon, REFLECTOR)).toBe(updates)
})
