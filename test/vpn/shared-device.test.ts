import { expect, test } from 'vitest'
import { formatEntry } from '../../src/dataplane/kinds/index.ts'
import { attachRequest, mac } from '../support/node.ts'
import { ip } from '../support/speakers.ts'
import { node } from './service-setup.ts'

/** Its network is created anew, with another id, but with the same VNI in the same bridge of the agent. */
const FIRST = { instanceId: 'n1', linuxBridge: 'br0', vni: 100 }
const SECOND = { ...FIRST, instanceId: 'n2' }
/** The first one again, elsewhere. */
const AGAIN = { instanceId: 'n1', port: 'tap2', mac: mac('02:00:00:00:01:02'), vni: 101 }

const vxlans = () =>
  node
    .wanted()
    .flatMap((entry) => (entry.kind === 'vxlan' ? [`${entry.alias} ${entry.vni} ${entry.device}`] : []))

test('two instances never share a VXLAN device, though one takes over that of the other', async () => {
  node.driver.kernel.addLink('br0', { kind: 'bridge' })
  await node.attach(FIRST)
  const detached = node.vpns.detach({ ...attachRequest(FIRST), ip: ip('192.168.10.1') })
  const attached = node.vpns.attach(attachRequest(SECOND))
  await node.finish(Promise.all([detached, attached]))
  await node.attach(AGAIN)
  expect(vxlans()).toEqual([
    'chanter:n2 100 vxlan--n1',
    expect.stringMatching(/^chanter:n1 101 vxlan--(?!n1$)/),
  ])
  expect(node.isInStep).toBe(true)
  await node.detach({ instanceId: 'n1', mac: AGAIN.mac })
  await node.detach({ instanceId: 'n2' })
  expect(node.wanted().map((entry) => JSON.stringify(formatEntry(entry)))).toEqual([])
})
