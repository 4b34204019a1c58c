import { afterAll, beforeAll, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import { CHANTER, type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { attach, attachmentOf } from '../support/interop.ts'
import { statusOf, WITHOUT_BPF } from '../support/isolation/unprivileged.ts'

let lab: Lab
let network: TwoNodes
let lenient: LabDaemon
let strict: LabDaemon
/** Kernels with tc's `matchall` and `gact` isolate networks without BPF. */
let hasTc: boolean

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  await startReflector(lab, network, 'chanter')
  const [one, two] = network.sites
  const BGP = { peers: network.reflector.address, my_as: AS }
  lenient = await startChanter(lab, one.host, { BGP }, WITHOUT_BPF)
  const DATAPLANE_DRIVER_EVPN = { require_isolation: 'true' }
  strict = await startChanter(lab, two.host, { BGP, DATAPLANE_DRIVER_EVPN }, WITHOUT_BPF)
  await attach(lenient, one.vm)
  const { isolation } = await statusOf(lenient.api)
  hasTc = isolation.tc === 1
})

afterAll(() => lab.close())

const links = ({ host }: LabDaemon) => run('ip', '-n', host.namespace, '-o', 'link')

test('a network that cannot be isolated is a problem as long as it is there', async () => {
  const { problems, isolation } = await statusOf(lenient.api)
  if (hasTc) return expect(problems).toEqual([])
  const reason = expect.stringMatching(/^XDP: EPERM: CAP_BPF is missing; tc: E/)
  expect(isolation.open).toEqual([{ instance: 'net1', bridge: 'evpn---net1', reason }])
  expect(problems).toContainEqual(
    expect.stringMatching(/^net1 \(evpn---net1\): what VMs send enters the IP stack of the host: XDP: EPERM/),
  )
  await expect(lab.exec(lenient.host.namespace, CHANTER, 'status')).rejects.toMatchObject({
    message: expect.stringContaining('1 NOT ISOLATED'),
  })
})

test('with require_isolation it is refused, and nothing is left of it', async () => {
  const before = await links(strict)
  const { status, body } = await request(strict.api, '/attach_localport', attachmentOf(network.sites[1].vm))
  if (hasTc) return expect(status).toBe(200)
  expect(status).toBe(400)
  expect(JSON.parse(body).description).toMatch(
    /^bridge evpn---net1 cannot be isolated from the host, which require_isolation asks for: XDP: EPERM: CAP_BPF is missing; tc: /,
  )
  const names = (text: string) => text.match(/^\d+: [^:@]+/gm)
  await lab.eventually('nothing is left', async () => {
    const now = await links(strict)
    return names(now)?.join() === names(before)?.join() ? { value: now } : { seen: now }
  })
  const { problems } = await statusOf(strict.api)
  expect(problems).toEqual([])
})
