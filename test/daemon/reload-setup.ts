import { beforeEach } from 'vitest'
import type { ReloadReport } from '../../src/api/reload.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { Config } from '../../src/config/config.ts'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { Reloader } from '../../src/daemon/reload.ts'
import { newSpeaker } from '../../src/daemon/speaker.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import type { InputEvent } from '../../src/record/recording.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '127.0.0.1'
export const [A, B, C] = ['127.0.0.11', '127.0.0.12', '127.0.0.13'] as const
const BASE = { local_address: US, my_as: '64512', peers: `${A},${B}` }

type Sections = Readonly<Record<string, Readonly<Record<string, string>>>>

export let clock: VirtualClock
export let events: DaemonEvent[]
export let recorded: InputEvent[]
export let speaker: Speaker
export let reloader: Reloader
export let logs: Config['log'][]
export let resyncs: number[]
let logFailure: Error | null
let text: string
export let speakers: ReadonlyMap<string, Speaker>
/** Starts a speaker that connects to us. */
export let connect: (address: string) => Speaker
export const mobility = { moves: 5, windowSeconds: 180, recoverySeconds: 1800 }

/** What the file holds from now on. */
export function write(BGP: Readonly<Record<string, string>>, sections: Sections = {}): void {
  const all: Sections = { BGP: { ...BASE, ...BGP }, ...sections }
  text = Object.entries(all)
    .flatMap(([section, options]) => [
      `[${section}]`,
      ...Object.entries(options).map((pair) => pair.join(' = ')),
    ])
    .join('\n')
}

beforeEach(() => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  events = []
  recorded = []
  logs = []
  resyncs = []
  logFailure = null
  write({})
  const load = () => interpret(parseIni(text, 'bgp.conf'))
  const loaded = load()
  const sink = { emit: (event: DaemonEvent) => void events.push(event) }
  const environment = { clock, random: () => 0.5, transport: network.transport, events: sink }
  speaker = newSpeaker(loaded.config, null, environment, () => {})
  void speaker.start()
  speakers = new Map(
    [A, B, C].map((address) => [
      address,
      speakerAt(address, [peerConfig(US, { passive: true })], clock, network),
    ]),
  )
  connect = (address) => speakerAt(address, [peerConfig(US)], clock, network, { listenPort: null })
  clock.advance(5000)
  Object.assign(mobility, loaded.config.evpn.mobility)
  reloader = new Reloader({
    loaded,
    load,
    speaker,
    mobility,
    forwarding: { setResync: (ms) => void resyncs.push(ms) },
    logs: {
      async configure(options) {
        if (logFailure !== null) throw logFailure
        logs.push(options as Config['log'])
      },
    },
    events: sink,
    recording: { write: (event) => void recorded.push(event) },
  })
  events = []
})

export const peer = (address: string) => speaker.peers.get(ip(address))
export const states = () =>
  [...speaker.peers.values()].map(
    ({ sessions }) => `${sessions.name} ${sessions.state} ${sessions.establishedCount}`,
  )

export async function reload(dryRun = false): Promise<ReloadReport> {
  const outcome = await reloader.reload({ dryRun })
  clock.advance(5000)
  if ('findings' in outcome) throw new Error(outcome.findings.join('\n'))
  return outcome.report
}

/** The file holds this from now on. */
export function writeText(changed: string): void {
  text = changed
}

/** The log cannot be configured from now on, or can be again. */
export function failLog(error: Error | null): void {
  logFailure = error
}
