import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type Daemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes } from '../../src/lab/two-nodes.ts'

/** As in a container: /proc/sys is there, and read-only. */
const READ_ONLY = [
  ...['unshare', '--mount', 'sh', '-ec'],
  'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys; exec "$@"',
  'sh',
]

let lab: Lab
let node: Daemon

beforeAll(async () => {
  lab = new Lab()
  const { sites } = await buildTwoNodes(lab)
  const BGP = { my_as: AS, peers: '' }
  const DATAPLANE_DRIVER_IPVPN = { dataplane_driver: 'linux', mpls_interface: 'eth0' }
  node = await startChanter(lab, sites[0].host, { BGP, DATAPLANE_DRIVER_IPVPN }, READ_ONLY)
})

afterAll(() => lab.close())

test('where settings cannot be written, an attach to an IP VPN changes nothing, and the answer says what to do', async () => {
  const { namespace } = node.host
  await run('ip', '-n', namespace, 'link', 'add', 'tap9', 'type', 'veth', 'peer', 'far9')
  const links = () => run('ip', '-n', namespace, '-o', 'link')
  const before = await links()
  const { status, body } = await request(node.api, '/attach_localport', {
    vpn_instance_id: 'red',
    vpn_type: 'ipvpn',
    import_rt: ['64512:20'],
    export_rt: ['64512:20'],
    mac_address: '02:00:00:00:01:09',
    ip_address: '10.0.0.9/24',
    gateway_ip: '10.0.0.254',
    local_port: { linuxif: 'tap9' },
  })
  expect(status).toBe(400)
  expect(JSON.parse(body).description).toContain('/proc/sys is read-only')
  expect(body).toContain('--security-opt systempaths=unconfined')
  expect(await links()).toBe(before)
  const { problems } = await fetchJson<{ problems: string[] }>(node.api, '/status')
  expect(problems).toEqual([expect.stringMatching(/^ipvpn cannot be served: \/proc\/sys is read-only/)])
})
