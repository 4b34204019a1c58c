import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { vxlanInjections } from '../../support/isolation/injections.ts'
import { arrives } from '../../support/isolation/matrix.ts'
import type { Socket } from '../../support/sockets.ts'
import { BridgeLab, type Network, OWN } from './lab.ts'

/** A VM sends without pause what may not arrive, while its node has other things to do. */
let lab: BridgeLab
let senders: Socket[]
let others: Socket[]
/** Of the tenant that it aims at: on each node one. */
const VICTIMS = [5, 15]
/** In one network, and in none until the test attaches it. */
const SENDERS = [1, 7]
const NEW: Network = { vpn: 'net4', vni: 400, vms: [7] }
const MARK = randomBytes(16)

beforeAll(async () => {
  lab = new BridgeLab('IPv4')
  await lab.start()
  senders = SENDERS.map((n) => lab.socketOf(n))
  others = VICTIMS.map((n) => lab.socketOf(n))
})

afterAll(() => lab.close())

/** Has both VMs send until `happens` has come to its end; answers with how many frames they sent, and how many of those came out elsewhere. */
async function sendingDuring(happens: () => Promise<void>): Promise<{ sent: number; arrived: number }> {
  const [environment] = await lab.environments()
  const vantage = { ...environment!.vantage, mark: MARK }
  const frames = vxlanInjections('IPv4').flatMap((sending) => sending.frames(vantage))
  let sent = 0
  let isOver = false
  const sending = (async () => {
    while (!isOver) {
      for (const frame of frames) for (const socket of senders) socket.send(frame)
      sent += frames.length * senders.length
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  try {
    await happens()
  } finally {
    isOver = true
    await sending
  }
  for (let i = 0; i < 2; i++) await arrives(environment!.marker)
  const arrived = others.flatMap((socket) => socket.take()).filter((frame) => frame.includes(MARK))
  return { sent, arrived: arrived.length }
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'nothing gets out while the daemon is ended by %s and starts again',
  async (signal) => {
    const { sent, arrived } = await sendingDuring(() => lab.restart(1, signal))
    process.stdout.write(`${signal}: ${arrived} of ${sent} frames got out\n`)
    expect(sent).toBeGreaterThan(1000)
    expect(arrived).toBe(0)
    expect(await lab.bridgeOf(OWN.vms[0]!)).toBe('evpn---net1')
  },
)

test('nor while its network is made and ended, with the VM as its only port', async () => {
  const cycles = async () => {
    for (let i = 0; i < 6; i++)
      for (const what of ['attach', 'detach'] as const) await lab.change(what, NEW, 7)
  }
  const { sent, arrived } = await sendingDuring(cycles)
  process.stdout.write(`6 networks: ${arrived} of ${sent} frames got out\n`)
  expect(sent).toBeGreaterThan(1000)
  expect(arrived).toBe(0)
})
