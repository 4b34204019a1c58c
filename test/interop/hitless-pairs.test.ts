import { afterAll, beforeAll, describe, test } from 'vitest'
import { HitlessNetwork } from './hitless-network.ts'

/**
 * `SETTLED=1` lets the reflectors be up for more than three minutes before each case: only then is one relied on to know better
 * than the other, and what the other does not send again let go of.
 */
const SETTLED = process.env['SETTLED'] === '1'

describe.each([
  ['gobgp with graceful restart', 'frr'],
  ['frr', 'chanter'],
  ['gobgp without', 'chanter'],
] as const)('reflectors: %s and %s', (...kinds) => {
  let net: HitlessNetwork

  beforeAll(async () => {
    net = await HitlessNetwork.start(kinds)
  })

  afterAll(() => net.close())

  const expectNoLoss = async (what: string, happens: () => Promise<void>) => {
    if (SETTLED) await net.reliable()
    await net.expectNoLoss(what, async () => {
      await happens()
      if (SETTLED) await net.nothingStale()
    })
  }

  const restart = async (i: number) => {
    await net.killReflector(i)
    await net.startReflector(i, true)
    await net.settle()
  }

  test.each([0, 1])('one of the two, number %i, is killed and comes back', (i) =>
    expectNoLoss(`${kinds[i]} is killed and comes back`, () => restart(i)),
  )

  test('one is killed and comes back, then the other', () =>
    expectNoLoss(`${kinds[0]} is killed and comes back, then ${kinds[1]}`, async () => {
      await restart(0)
      await restart(1)
    }))

  test('one is killed, then the other, and both come back', () =>
    expectNoLoss('both are killed, one after the other, and come back', async () => {
      await net.killReflector(0)
      await net.killReflector(1)
      await net.startReflector(0, true)
      await net.startReflector(1, true)
      await net.settle()
    }))

  test.each(['SIGTERM', 'SIGKILL'] as const)('a daemon ends by %s and comes back', (signal) =>
    expectNoLoss(`a daemon ends by ${signal} and comes back`, () => net.restartDaemon(0, signal)),
  )

  test('a daemon ends and comes back while one of the two is away', () =>
    expectNoLoss(`a daemon ends by SIGTERM and comes back while ${kinds[0]} is away`, async () => {
      await net.killReflector(0)
      await net.daemons[0]!.process.stop('SIGTERM')
      await net.startDaemon(0)
      await net.startReflector(0, true)
      await net.settle()
    }))
})
