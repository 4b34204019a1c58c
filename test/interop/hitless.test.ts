import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import * as z from 'zod'
import { run } from '../../src/lab/command.ts'
import { wholeState } from '../../src/vpn/state.ts'
import { decodeState } from '../support/state.ts'
import { HitlessNetwork } from './hitless-network.ts'

/** Makes a state file what the first release would have written. */
function makeOld(file: string, namespace: string): void {
  const { instances, pending, ...daemon } = decodeState(readFileSync(file, 'utf8'))
  const [boot] = daemon.kernel.split('/')
  const { ino } = statSync(`/run/netns/${namespace}`)
  const state = z.encode(wholeState, { ...daemon, kernel: `${boot}/${ino}`, instances, pending })
  const old = JSON.stringify(state, (key, value) => (key === 'sticky' ? undefined : value))
  const sha256 = createHash('sha256').update(old).digest('hex')
  writeFileSync(file, `${JSON.stringify({ format: 'chanter-state', version: 1, sha256 })}\n${old}\n`)
}

describe.each(['frr', 'gobgp with graceful restart', 'gobgp without', 'chanter'] as const)(
  'reflector: %s',
  (kind) => {
    let net: HitlessNetwork

    beforeAll(async () => {
      net = await HitlessNetwork.start([kind])
    })

    afterAll(() => net.close())

    test.each([
      ['ends by SIGTERM', 'SIGTERM', false],
      ['ends by SIGKILL', 'SIGKILL', false],
      ['is upgraded from the first release', 'SIGTERM', true],
    ] as const)('a daemon %s and comes back', async (what, signal, upgraded) => {
      await net.expectNoLoss(`a daemon ${what} and comes back`, () =>
        net.restartDaemon(0, signal, () => {
          const { host } = net.daemons[0]!
          if (upgraded) makeOld(join(net.lab.directory, `${host.name}.state`), host.namespace)
        }),
      )
    })

    test('the reflector is killed and comes back', async () => {
      await net.expectNoLoss('the reflector is killed and comes back', async () => {
        await net.killReflector(0)
        await net.startReflector(0, true)
        await net.settle()
      })
    })

    test('the link to the reflector flaps', async () => {
      const [{ host: reflector }] = net.reflectors as [HitlessNetwork['reflectors'][number]]
      const at = ['-n', reflector.namespace, 'addr']
      await net.expectNoLoss('the link to the reflector flaps', async () => {
        await run('ip', ...at, 'del', `${reflector.address}/24`, 'dev', 'underlay')
        await net.lab.eventually('both nodes have noticed', async () => {
          const states = await Promise.all(
            net.daemons.map(({ host }) =>
              net.lab.exec(host.namespace, 'ss', '-Hnt', 'state', 'established', 'dport', '=', ':179'),
            ),
          )
          return states.every((state) => state === '') ? { value: true } : { seen: states.join() }
        })
        await run('ip', ...at, 'add', `${reflector.address}/24`, 'dev', 'underlay')
        await net.settle()
      })
    })
  },
)
