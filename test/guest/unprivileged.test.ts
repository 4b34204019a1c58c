import { afterAll, beforeAll, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { attach, TAP9_IN_VRF } from '../support/interop.ts'
import { statusOf, WITHOUT_BPF } from '../support/isolation/unprivileged.ts'

let lab: Lab
let network: TwoNodes
let node: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  const BGP = { my_as: AS, peers: '' }
  const DATAPLANE_DRIVER_IPVPN = { dataplane_driver: 'linux', mpls_interface: 'eth0' }
  node = await startChanter(lab, network.sites[0].host, { BGP, DATAPLANE_DRIVER_IPVPN }, WITHOUT_BPF)
  await attach(node, network.sites[0].vm)
})

afterAll(() => lab.close())

test('without CAP_BPF, a network is isolated by tc', async () => {
  const { isolation, problems } = await statusOf(node.api)
  expect(isolation).toEqual({
    both: 0,
    xdp: 0,
    tc: 1,
    refusals: ['XDP: EPERM: CAP_BPF is missing'],
    open: [],
  })
  expect(problems).toEqual([])
  const { namespace } = node.host
  const filters = () => run('tc', '-n', namespace, 'filter', 'show', 'dev', 'evpn---net1', 'ingress')
  expect(await filters()).toContain('gact action drop')
  await run('tc', '-n', namespace, 'filter', 'del', 'dev', 'evpn---net1', 'ingress')
  await lab.eventually('the filter is back', async () => {
    const seen = await filters()
    return seen.includes('gact action drop') ? { value: seen } : { seen }
  })
})

test('and what ports of VRFs cannot be filtered for is a problem', async () => {
  const { namespace } = node.host
  await run('ip', '-n', namespace, 'link', 'add', 'tap9', 'type', 'veth', 'peer', 'far9')
  const { status } = await request(node.api, '/attach_localport', TAP9_IN_VRF)
  expect(status).toBe(200)
  const { problems } = await statusOf(node.api)
  expect(problems).toEqual([
    'ICMP errors that VMs send to their gateways can lower the path MTU of the underlay: EPERM: CAP_BPF is missing',
  ])
})
