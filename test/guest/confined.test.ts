import { chmodSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { LABS, Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes } from '../../src/lab/two-nodes.ts'
import { TAP9_IN_VRF } from '../support/interop.ts'

/** As in a container: /proc/sys is there, and read-only. */
const READ_ONLY = [
  ...['unshare', '--mount', 'sh', '-ec'],
  'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys; exec "$@"',
  'sh',
]

/** As in the image: no root, and three capabilities. */
const CAPABILITIES = '+net_admin,+net_bind_service,+bpf'
const AS_IN_THE_IMAGE = [
  ...['setpriv', '--reuid', '65532', '--regid', '65532', '--clear-groups'],
  ...[
    '--inh-caps',
    `-all,${CAPABILITIES}`,
    '--ambient-caps',
    CAPABILITIES,
    '--bounding-set',
    `-all,${CAPABILITIES}`,
  ],
]

let lab: Lab
let confined: LabDaemon
let free: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  // a user that is not root reads its configuration there
  for (const directory of [LABS, lab.directory]) chmodSync(directory, 0o711)
  const { sites } = await buildTwoNodes(lab)
  const settings = {
    BGP: { my_as: AS, peers: '' },
    DEFAULT: { state_file: '' },
    DATAPLANE_DRIVER_IPVPN: { dataplane_driver: 'linux', mpls_interface: 'eth0' },
  }
  confined = await startChanter(lab, sites[0].host, settings, READ_ONLY)
  free = await startChanter(lab, sites[1].host, settings, AS_IN_THE_IMAGE)
  for (const { namespace } of [confined.host, free.host])
    await run('ip', '-n', namespace, 'link', 'add', 'tap9', 'type', 'veth', 'peer', 'far9')
})

afterAll(() => lab.close())

const problemsOf = async ({ api }: LabDaemon): Promise<string[]> =>
  (await fetchJson<{ problems: string[] }>(api, '/status')).problems

test('where settings cannot be written, an attach to an IP VPN changes nothing, and the answer has the remedy', async () => {
  const links = () => run('ip', '-n', confined.host.namespace, '-o', 'link')
  const before = await links()
  const { status, body } = await request(confined.api, '/attach_localport', TAP9_IN_VRF)
  expect(status).toBe(400)
  expect(JSON.parse(body).description).toContain('/proc/sys is read-only')
  expect(body).toContain('--security-opt systempaths=unconfined')
  expect(await links()).toBe(before)
  expect(await problemsOf(confined)).toEqual([
    expect.stringMatching(/^ipvpn cannot be served: \/proc\/sys is read-only/),
  ])
})

test('where they can, a user with three capabilities serves IP VPNs', async () => {
  expect(await request(free.api, '/attach_localport', TAP9_IN_VRF)).toMatchObject({
    status: 200,
    body: 'null',
  })
  expect(await problemsOf(free)).toEqual([])
})
