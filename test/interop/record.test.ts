import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { EVPN, VPN_FAMILIES } from '../../src/bgp/family.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanter } from '../../src/lab/chanter.ts'
import { runSync } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { temporaryFiles } from '../support/files.ts'
import { attach, attachmentOf, detach, session } from '../support/interop.ts'
import { loneDaemon } from '../support/lone-daemon.ts'
import { type Replayed, readRecording, replay } from '../support/replay.ts'
import { testServer } from '../support/test-server.ts'

const REFLECTOR = '10.77.0.1'

let lab: Lab
let network: TwoNodes
let file: string
let one: LabDaemon
let two: LabDaemon

beforeAll(async () => {
  lab = new Lab()
  file = join(lab.directory, 'node1.recording')
  network = await buildTwoNodes(lab)
  await startReflector(lab, network, 'gobgp')
  const BGP = { peers: REFLECTOR, my_as: AS }
  one = await startChanter(lab, network.sites[0].host, { BGP }, [], ['--record', file])
  two = await startNode(lab, network, network.sites[1])
})

afterAll(() => lab.close())

/** The routes of a daemon, as its looking glass shows them. */
async function routes(get: (url: string) => Promise<unknown>): Promise<unknown> {
  return get('/looking-glass/bgp/routes')
}

/** What a daemon wants in the kernel, without what became of it. */
async function desired({ api }: LabDaemon): Promise<string[]> {
  const entries = await fetchJson<{ entry: string; wanted: boolean }[]>(api, '/status/entries')
  return entries.flatMap(({ entry, wanted }) => (wanted ? [entry] : [])).sort()
}

function glass({ speaker, clock }: Replayed) {
  const app = testServer({ speaker, clock })
  return async (url: string): Promise<unknown> =>
    (await app.inject({ url, headers: { host: 'localhost' } })).json()
}

const count = (speaker: Speaker): number =>
  [...VPN_FAMILIES].reduce((sum, family) => sum + [...speaker.rib.best(family)].length, 0)

test('a run with a real reflector and attaches ends in the same state when it is replayed on virtual time', async () => {
  const [here, there] = network.sites
  await session(lab, one, REFLECTOR, true)
  await session(lab, two, REFLECTOR, true)
  await attach(one, here.vm)
  await attach(two, there.vm)
  await attach(one, here.vm) // says nothing new
  await lab.eventually('the other VM is known', async () => {
    const entries = await desired(one)
    return entries.some((entry) => entry.startsWith('remote-mac'))
      ? { value: entries }
      : { seen: `${entries}` }
  })
  const config = join(lab.directory, 'node1.conf')
  writeFileSync(config, readFileSync(config, 'utf8').replace('[BGP]', '[BGP]\nhold_time = 30'))
  expect((await request(one.api, '/reload', {})).status).toBe(200)
  await session(lab, one, REFLECTOR, true)
  expect((await request(one.api, `/bgp/peers/${REFLECTOR}/reset`, {})).status).toBe(200)
  await session(lab, one, REFLECTOR, true)
  const wrong = {
    ...attachmentOf(here.vm),
    vpn_instance_id: 'other',
    vni: 101,
    local_port: { linuxif: 'gone' },
  }
  const refused = await request(one.api, '/attach_localport', wrong)
  expect(refused.status).toBeGreaterThanOrEqual(400)
  const live = await lab.eventually('all is known again', async () => {
    const entries = await desired(one)
    const remote = entries.filter((entry) => /^(remote-mac|flood|neighbour)/.test(entry))
    return remote.length >= 2 ? { value: entries } : { seen: `${entries}` }
  })
  const liveRoutes = await routes((url) => fetchJson(one.api, url))

  const recording = readRecording(file)
  expect(readFileSync(file, 'utf8')).not.toContain('undefined')
  const replayed = await replay(recording)
  expect([...replayed.desired.keys()].sort()).toEqual(live)
  const withoutHref = (value: unknown) => JSON.stringify(value).replaceAll(/"href":"[^"]*"/g, '')
  expect(withoutHref(await routes(glass(replayed)))).toEqual(withoutHref(liveRoutes))
  expect(count(replayed.speaker)).toBeGreaterThan(3)
  expect(replayed.refusals).toHaveLength(1)
  expect([...replayed.speaker.rib.best(EVPN)].length).toBeGreaterThan(0)

  const metrics = (await request(one.api, '/metrics')).body
  expect(metrics).toMatch(/^chanter_entries_programmed_total\{kind="remote-mac"\} [1-9]/m)
  expect(metrics).toMatch(/^bgp_received_open_total\{peer="10\.77\.0\.1"\} [2-9]/m)
  await detach(one, here.vm)
  const after = await replay(readRecording(file))
  expect([...after.desired.keys()].sort()).toEqual(await desired(one))
})

const detachOf = (id: string) => ({ ...attachmentOf(network.sites[0].vm), vpn_instance_id: id })

test('on a full disk the daemon goes on, and logs it', async () => {
  const directory = temporaryFiles({})
  runSync('mount', '-t', 'tmpfs', '-o', 'size=64k', 'chanter', directory)
  onTestFinished(() => void runSync('umount', '--lazy', directory))
  const path = join(directory, 'recording')
  const log = join(temporaryFiles({}), 'log')
  writeFileSync(join(directory, 'ballast'), Buffer.alloc(60 << 10))
  const daemon = await loneDaemon({ settings: { DEFAULT: { log_file: log } }, words: ['--record', path] })
  for (let i = 0; i < 50; i++) await request(daemon.api, '/detach_localport', detachOf('x'.repeat(200)))
  await lab.eventually('it says so', async () => {
    const text = readFileSync(log, 'utf8')
    return text.includes('recording cannot be written') ? { value: text } : { seen: text.slice(-200) }
  })
  expect((await request(daemon.api, '/ping')).status).toBe(200)
  expect(daemon.ended()).toBeNull()
  expect(existsSync(path)).toBe(true)
})
