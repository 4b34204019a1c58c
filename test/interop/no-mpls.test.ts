import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { CHANTER, type LabDaemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { attach, forwards, ping, session, TAP9_IN_VRF } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const VM2 = ['02:00:00:00:01:02 10.77.0.12', '00:00:00:00:00:00 10.77.0.12']

let lab: Lab
let network: TwoNodes
let one: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  await startReflector(lab, network, 'chanter')
  const DATAPLANE_DRIVER_IPVPN = { dataplane_driver: 'linux', mpls_interface: 'eth0' }
  one = await startNode(lab, network, network.sites[0], { DATAPLANE_DRIVER_IPVPN })
  const two = await startNode(lab, network, network.sites[1])
  await session(lab, one, REFLECTOR, true)
  await attach(one, network.sites[0].vm)
  await attach(two, network.sites[1].vm)
})

afterAll(() => lab.close())

const links = () => run('ip', '-n', one.host.namespace, 'link')
const status = () => fetchJson<{ entries: unknown }>(one.api, '/status').then(({ entries }) => entries)
const instances = () => fetchJson(one.api, '/looking-glass/vpns/instances')

test('EVPN works', async () => {
  await forwards(lab, one.host, VM2)
  await ping(lab, network.sites[0].vm, network.sites[1].vm)
})

/** Where this kernel has it, nothing is refused. */
const hasMpls = existsSync('/proc/sys/net/mpls')

test('an attach to an IP VPN is refused and changes nothing, and the answer names the module', async () => {
  await run('ip', '-n', one.host.namespace, 'link', 'add', 'tap9', 'type', 'veth', 'peer', 'far9')
  const before = [await links(), await instances(), await status()]
  const answer = await request(one.api, '/attach_localport', TAP9_IN_VRF)
  if (hasMpls) return expect(answer.status).toBe(200)
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.body).description).toMatch(/modprobe (vrf|mpls_router)/)
  expect([await links(), await instances(), await status()]).toEqual(before)
})

test('the status names missing features of the kernel', async () => {
  const { problems } = await fetchJson<{ problems: string[] }>(one.api, '/status')
  expect(problems).toEqual(
    hasMpls ? [] : ['ipvpn cannot be served: the kernel has no MPLS: modprobe mpls_router'],
  )
  const page = lab.exec(one.host.namespace, CHANTER, 'status')
  if (hasMpls) expect(await page).toContain('ALL WELL')
  else await expect(page).rejects.toMatchObject({ message: expect.stringContaining('1 PROBLEM') })
})
