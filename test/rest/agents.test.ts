import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { VPNV4 } from '../../src/bgp/family.ts'
import { formatPrefix } from '../../src/bgp/nlri/prefix.ts'
import { testApi } from '../support/api.ts'

interface Sent {
  readonly action: 'attach_localport' | 'detach_localport'
  readonly body: Readonly<Record<string, unknown>>
}

const BODIES = new URL('../../fixtures/agents/ovs/', import.meta.url)

/** What the OVS agent of networking-bagpipe sent to bagpipe-bgp, in its order; some of it bagpipe-bgp answered by 500. */
function sent(): Sent[] {
  return readdirSync(BODIES)
    .sort()
    .flatMap((file) => readFileSync(new URL(file, BODIES), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line) as Sent)
}

const post = (app: ReturnType<typeof testApi>['app'], { action, body }: Sent) =>
  app.inject({ method: 'POST', url: `/${action}`, payload: JSON.stringify(body) })

describe('requests of an OVS agent', () => {
  test('the dummy driver answers by 200, each of it, and at the end nothing is left', async () => {
    const { app, vpns, reconciler, speaker } = testApi('dummy')
    const most = new Set<string>()
    for (const one of sent()) {
      const { statusCode, body } = await post(app, one)
      expect([statusCode, body], JSON.stringify(one)).toEqual([200, 'null'])
      expect(reconciler.statuses.counts(), JSON.stringify(one)).toMatchObject({ failed: 0 })
      for (const { nlri } of speaker.rib.ownRoutes(VPNV4)) most.add(formatPrefix(nlri as never))
    }
    expect([...most].sort()).toEqual([
      '192.168.10.11/32',
      '192.168.10.12/32',
      '192.168.90.99/32',
      '40.0.0.0/24',
      '60.0.0.1/32',
    ])
    expect([...vpns.instances.keys()]).toEqual([])
  })

  test('the Linux drivers refuse, with the reason', async () => {
    const { app, vpns } = testApi('linux')
    for (const one of sent().filter(({ action }) => action === 'attach_localport')) {
      const { statusCode, body } = await post(app, one)
      expect([statusCode, body]).toEqual([400, expect.stringContaining('a port of Open vSwitch')])
    }
    expect(vpns.instances.size).toBe(0)
  })
})
