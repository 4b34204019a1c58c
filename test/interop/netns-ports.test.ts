import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { removeNamespace } from '../../src/lab/namespace.ts'
import { addNode, addReflector } from '../../src/lab/network.ts'
import { AS } from '../../src/lab/two-nodes.ts'

const ATTACH = fileURLToPath(new URL('../../bin/bagpipe-rest-attach', import.meta.url))

let lab: Lab
let daemon: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  const reflector = await addReflector(lab, '10.77.0.1')
  const host = await addNode(lab, reflector, 'node1', '10.77.0.11')
  daemon = await startChanter(lab, host, { BGP: { my_as: AS } })
})

afterAll(() => {
  for (const n of [1, 2]) removeNamespace(netns(n))
  lab.close()
})

const netns = (n: number) => `${lab.name}-end${n}`

/** Runs bagpipe-rest-attach where the daemon is, which sees the namespaces of this machine. */
function restAttach(operation: 'attach' | 'detach', n: number): Promise<string> {
  const words = ['--network-type', 'evpn', '--vpn-instance-id', 'net', '--rt', '64512:10', '--vni', '100']
  const port = ['--port', `netns:tap${n}`, '--netns', netns(n), '--ip', `192.168.10.${n}/24`]
  const command = [ATTACH, `--${operation}`, ...words, ...port]
  return run('nsenter', `--net=/run/netns/${daemon.host.namespace}`, ...command)
}

test('namespaces that bagpipe-rest-attach attaches to an EVPN instance reach each other until one is detached', async () => {
  for (const n of [1, 2]) await restAttach('attach', n)
  const ping = () => lab.exec(netns(1), 'ping', '-c', '1', '-W', '1', '192.168.10.2')
  await lab.eventually('they reach each other', async () => ({ value: await ping() }))
  await restAttach('detach', 2)
  await expect(ping()).rejects.toThrow()
})
