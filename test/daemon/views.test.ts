import { beforeEach, expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { daemonViews } from '../../src/daemon/views.ts'
import { RecentLog } from '../../src/recent-log.ts'
import { EventCounters } from '../../src/rest/metrics/event-counters.ts'
import { restServer } from '../../src/rest/server.ts'
import { noEvents } from '../support/events.ts'
import { held } from '../support/held.ts'
import { TestNode } from '../support/node.ts'
import { silent } from '../support/speakers.ts'
import { testServices } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '127.0.0.1'

let clock: VirtualClock
let config: Config
let found: string[]
let get: (url: string) => Promise<unknown>

function configure(as = 64512): void {
  const text = ['[BGP]', `local_address = ${US}`, `my_as = ${as}`].join('\n')
  config = interpret(parseIni(text, 'bgp.conf')).config
}

/** A node whose API has the sources of a daemon. */
beforeEach(() => {
  clock = new VirtualClock()
  found = []
  configure()
  const { speaker, vpns, reconciler, vpnConfig } = new TestNode(US, [], clock, new VirtualNetwork(clock))
  const views = daemonViews({
    config: () => config,
    configProblems: () => found,
    vpnConfig,
    speaker,
    services: testServices(vpns, reconciler),
    logs: { recent: new RecentLog(), output: { health: () => ({ path: null, dropped: 0, failure: null }) } },
    clock,
    started: { epochMs: clock.epoch(), monotonicMs: clock.now() },
  })
  const counters = new EventCounters()
  const app = held(
    restServer({
      vpns,
      reload: null,
      views,
      log: silent,
      events: noEvents,
      counters,
      ping: '1',
      descriptors: 1024,
    }),
  )
  get = async (url) => (await app.inject(url)).json()
})

const problems = async () => ((await get('/status')) as { problems: string[] }).problems

test('a problem of the configuration is one of the status until it is over', async () => {
  found = ['bgp.conf line 4: unknown option']
  expect(await problems()).toEqual(found)
  found = []
  expect(await problems()).toEqual([])
})

test('the options in effect are those of the configuration that was read last', async () => {
  const as = async () => ((await get('/looking-glass/config')) as { BGP: { my_as: number } }).BGP.my_as
  expect(await as()).toBe(64512)
  configure(64513)
  expect(await as()).toBe(64513)
})
