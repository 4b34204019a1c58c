import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHANTER, type LabDaemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { attach, forwards, ping, session } from '../support/interop.ts'

const REFLECTOR = '10.77.0.1'
const VM2 = '02:00:00:00:01:02 10.77.0.12'
const FLOOD2 = '00:00:00:00:00:00 10.77.0.12'
const STRANGER = '02:00:00:00:66:66'

let lab: Lab
let network: TwoNodes
let one: LabDaemon
let two: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  await startReflector(lab, network, 'chanter')
  one = await startNode(lab, network, network.sites[0])
  two = await startNode(lab, network, network.sites[1])
  for (const node of [one, two]) await session(lab, node, REFLECTOR, true)
  await attach(one, network.sites[0].vm)
  await attach(two, network.sites[1].vm)
  await forwards(lab, one.host, [VM2, FLOOD2])
})

afterAll(() => lab.close())

/** Runs chanter on the machine of node 1 as an operator does. */
const operator = (...args: readonly string[]) => lab.exec(one.host.namespace, CHANTER, ...args)

/** The same for a command that ends with an exit code other than 0: its output. */
const failing = (...args: readonly string[]): Promise<string> =>
  operator(...args).then(
    (output) => Promise.reject(new Error(`it succeeded: ${output}`)),
    (error: Error & { stdout?: string }) => `${error.message}${error.stdout ?? ''}`,
  )

describe('an operator', () => {
  test('sees that all is well', async () => {
    await lab.eventually('all is well', async () => {
      const output = await operator('status').catch((error: Error) => error.message)
      return output.startsWith('ALL WELL') ? { value: output } : { seen: output }
    })
    expect(await operator('status', '--instance', 'net1')).toContain(
      'remote-mac 02:00:00:00:01:02 on vxlan--net1',
    )
  })

  test('compares with the kernel, and entries that are not desired are removed', async () => {
    expect(await operator('status', '--verify')).toContain(
      'all entries are programmed, and nothing else of chanter',
    )
    await run(
      ...['bridge', '-netns', one.host.namespace, 'fdb', 'replace', STRANGER, 'dev', 'vxlan--net1'],
      ...['dst', '10.77.0.66', 'self', 'master', 'static', 'extern_learn'],
    )
    expect(await failing('status', '--verify')).toContain(`extra  remote-mac ${STRANGER} on vxlan--net1`)
    await forwards(lab, one.host, [VM2, FLOOD2])
    expect(await operator('status', '--verify')).toContain('all entries are programmed')
  })

  test('learns why a VM is where it is', async () => {
    const output = await operator('explain', '02:00:00:00:01:02')
    expect(output).toMatch(/USED +10\.77\.0\.12 +vni 100 +from BGP-10\.77\.0\.1/)
    expect(output).toContain(
      'in the kernel: remote-mac 02:00:00:00:01:02 on vxlan--net1, to 10.77.0.12 vni 100, programmed',
    )
    expect(await failing('explain', STRANGER)).toContain('is not attached here')
  })

  test('removes everything of a stopped daemon, and not before it is stopped', async () => {
    const file = ['--config-file', `${lab.directory}/node1.conf`]
    expect(await failing('cleanup', ...file)).toContain('a daemon runs here')
    await ping(lab, network.sites[0].vm, network.sites[1].vm)
    await one.process.stop()
    expect(await operator('cleanup', ...file)).toContain('removed vxlan vxlan--net1 (chanter:net1)')
    expect(await run('ip', '-n', one.host.namespace, '-o', 'link')).not.toMatch(/evpn---|vxlan--/)
    expect(await operator('cleanup', ...file)).toBe('nothing of chanter or bagpipe-bgp is here\n')
  })
})
