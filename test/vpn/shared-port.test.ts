import { describe, expect, test } from 'vitest'
import { formatEntry } from '../../src/dataplane/kinds/index.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { attachRequest, IN_VRF, mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** The VPN that has what the port sends, and one that only sends to it. */
const RED = { ...IN_VRF, instanceId: 'red' }
const GREEN = { ...IN_VRF, instanceId: 'green', direction: 'to-port' } as const
/** An attach takes fewer steps. */
const STEPS = 80

function newNode() {
  const clock = new VirtualClock()
  const node = new TestNode('10.77.0.11', [peerConfig('10.77.0.12')], clock, new VirtualNetwork(clock))
  node.driver.kernel.addLink('brq1', { kind: 'bridge' })
  return { clock, node: node.withPorts('tap1', 'mpls0') }
}

const answerTo = (attach: Promise<void>): Promise<string> =>
  attach.then(
    () => 'attached',
    ({ code }) => `${code}`,
  )

async function wait(clock: VirtualClock, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    if (step % 3 === 2) clock.advance(1)
    await null
  }
}

const detach = (node: TestNode, { instanceId }: { readonly instanceId: string }) =>
  node.detach({ instanceId, type: 'ipvpn', ip: ip('192.168.20.1') })

/** The desired entries after the last answer, in words, and that the kernel holds the same. */
function outcome({ clock, node }: ReturnType<typeof newNode>): string[] {
  clock.advance(10_000)
  expect(node.isInStep).toBe(true)
  return node.wanted().map((entry) => JSON.stringify(formatEntry(entry)))
}

/** One VPN has the port, and leaves it after `steps` of another one's attach. */
async function leaveDuring(
  present: Partial<AttachRequest> & { readonly instanceId: string },
  arriving: Partial<AttachRequest>,
  steps: number,
  prepare = (_: TestNode): void => {},
): Promise<{ readonly outcome: string[]; readonly answer: string }> {
  const lab = newNode()
  const { clock, node } = lab
  await node.attach(present)
  prepare(node)
  const answer = answerTo(node.vpns.attach(attachRequest(arriving)))
  await wait(clock, steps)
  const [, given] = await node.finish(Promise.all([detach(node, present), answer]))
  return { outcome: outcome(lab), answer: given }
}

describe('a VPN that leaves a port while another one is being attached to it', () => {
  test.each([
    ['the VPN with what the port sends', RED, GREEN],
    ['a VPN that only sends to the port', GREEN, RED],
  ])('takes nothing of the other one along, at any moment: %s', async (_, present, arriving) => {
    const lab = newNode()
    for (const one of [present, arriving]) await lab.node.attach(one)
    await detach(lab.node, present)
    const expected = outcome(lab).sort()
    expect(expected.join()).toContain('"vrf-port","device":"tap1"')
    for (let steps = 0; steps < STEPS; steps++) {
      const { outcome, answer } = await leaveDuring(present, arriving, steps)
      expect([steps, answer, outcome.sort()]).toEqual([steps, 'attached', expected])
    }
  })

  test.each([
    ['the VPN with what the port sends', RED, GREEN],
    ['a VPN that only sends to the port', GREEN, RED],
  ])('leaves nothing where the other one is refused: %s', async (_, present, arriving) => {
    for (let steps = 0; steps < STEPS; steps++) {
      const { outcome, answer } = await leaveDuring(present, arriving, steps, ({ driver }) =>
        driver.fail((op, { kind }) => op === 'set' && kind === 'mpls', refusal('ENOBUFS', 'no room')),
      )
      expect([steps, answer, outcome]).toEqual([steps, 'KERNEL_REFUSED', []])
    }
  })
})

describe('two agents that name one interface at the same time', () => {
  const NETWORK = { instanceId: 'network' }
  const BOTH = { ...GREEN, direction: 'both' } as const
  const BRIDGE = { ...RED, port: 'brq1', mac: mac('02:00:00:00:01:02') }

  test.each([
    ['an EVPN instance and an IP VPN', NETWORK, RED, 'attached'],
    ['an IP VPN and an EVPN instance', RED, NETWORK, 'PORT_CONFLICT'],
    ['two IP VPNs', RED, BOTH, 'attached'],
    ['a bridge, and that bridge as a port', { ...NETWORK, linuxBridge: 'brq1' }, BRIDGE, 'attached'],
    ['a bridge as a port, and that bridge', BRIDGE, { ...NETWORK, linuxBridge: 'brq1' }, 'LINUXBR_UNUSABLE'],
  ])('get what they get one after the other: %s', async (_, first, second, expected) => {
    const inTurn = newNode()
    await inTurn.node.attach(first)
    const answer = await inTurn.node.finish(answerTo(inTurn.node.vpns.attach(attachRequest(second))))
    const wanted = outcome(inTurn)
    expect(answer).toBe(expected)
    for (let steps = 0; steps < STEPS; steps++) {
      const lab = newNode()
      const { clock, node } = lab
      const answers = [answerTo(node.vpns.attach(attachRequest(first)))]
      await wait(clock, steps)
      answers.push(answerTo(node.vpns.attach(attachRequest(second))))
      const given = await node.finish(Promise.all(answers))
      expect([steps, given, outcome(lab)]).toEqual([steps, ['attached', expected], wanted])
    }
  })
})

test('an external bridge that an EVPN instance leaves becomes the port of an IP VPN at once, and nothing is left to remove', async () => {
  for (let steps = 0; steps < STEPS; steps++) {
    const { clock, node } = newNode()
    await node.attach({ linuxBridge: 'brq1' })
    const detached = node.vpns.detach({ ...attachRequest(), ip: ip('192.168.10.1') })
    await wait(clock, steps)
    const attached = node.vpns.attach(attachRequest({ ...RED, port: 'brq1', mac: mac('02:00:00:00:01:02') }))
    await node.finish(Promise.all([detached, attached]))
    await clock.run(10_000)
    const { removing } = await clock.while(node.view().summary([]))
    expect([steps, removing.count, node.vpns.snapshot().pending]).toEqual([steps, 0, []])
  }
})

test('an address of one IP VPN is refused to another MAC address on the same port in another one', async () => {
  const lab = newNode()
  const { node } = lab
  const other = { ...GREEN, mac: mac('02:00:00:00:01:99') }
  await node.attach(RED)
  const before = outcome(lab)
  await expect(node.attach(other)).rejects.toMatchObject({ code: 'ENDPOINT_CONFLICT' })
  expect(outcome(lab)).toEqual(before)
  await node.attach(GREEN)
  await expect(node.attach({ ...other, instanceId: 'blue' })).rejects.toThrow('in VPN instance red')
  await node.finish(detach(node, GREEN))
  await node.finish(detach(node, RED))
  await node.attach(other)
  expect(outcome(lab).join()).toContain('02:00:00:00:01:99')
})
