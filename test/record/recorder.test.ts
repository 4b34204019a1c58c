import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PEER_DEFAULTS } from '../../src/bgp/session/peer-config.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import type { LogHealth } from '../../src/log-output/log-output.ts'
import { Recorder } from '../../src/record/recorder.ts'
import { temporaryFiles } from '../support/files.ts'
import { attachRequest, TestNode } from '../support/node.ts'
import { readRecording } from '../support/replay.ts'
import { ip, peerConfig } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const KEY = 's3cret-of-the-peer'

function recorder() {
  const clock = new VirtualClock()
  const lines: string[] = []
  const reported: DaemonEvent[] = []
  let failure: LogHealth['failure'] = null
  const output = {
    write: (line: string) => void lines.push(line),
    health: () => ({ path: '/recording', dropped: 0, failure }),
  }
  const made = new Recorder({ clock, output, events: { emit: (event) => void reported.push(event) } })
  const fail = (reason: string | null) => {
    failure = reason === null ? null : { reason, since: 0 }
  }
  return { recorder: made, clock, lines, reported, fail }
}

const file = (text: string): string => {
  const path = join(temporaryFiles({}), 'recording')
  writeFileSync(path, text)
  return path
}

test('keys of peers are not recorded', () => {
  const { recorder: made, clock, lines } = recorder()
  const node = new TestNode('10.77.0.11', [], clock, new VirtualNetwork(clock))
  const { address: _, passive: __, ...template } = peerConfig('10.77.0.1', { md5Key: KEY })
  const speaker = {
    ...node.speaker.config,
    peers: [peerConfig('10.77.0.1', { md5Key: KEY }), peerConfig('10.77.0.2')],
    dynamicPeers: [{ prefix: { ip: ip('10.77.0.0'), length: 24 }, template, limit: 1 }],
  }
  made.begin({ chanter: '1', speaker, vpn: node.vpnConfig, state: null, former: null })
  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain(KEY)
  const { header } = readRecording(file(lines.join('')))
  expect(header.speaker.peers.map(({ md5Key }) => md5Key)).toEqual(['hidden', null])
  expect({ ...SPEAKER_DEFAULTS, ...header.speaker }).toMatchObject({ localAddress: ip('10.77.0.11') })
  expect(PEER_DEFAULTS.md5Key).toBeNull()
})

test('each input has its time, and comes back as it was', () => {
  const { recorder: made, clock, lines } = recorder()
  clock.advance(1234.5)
  const request = attachRequest()
  made.write({ type: 'attach', request })
  const header = JSON.stringify({ type: 'header', version: 2 })
  const { events } = readRecording(file(`${header}\n${lines.join('')}`))
  expect(events).toEqual([{ at: 1234.5, type: 'attach', request: JSON.parse(JSON.stringify(request)) }])
})

test('a recording that cannot be written is reported once, until it can be', () => {
  const { recorder: made, reported, fail } = recorder()
  const write = () => made.write({ type: 'started' })
  write()
  fail('ENOSPC')
  write()
  write()
  fail(null)
  write()
  fail('EIO')
  write()
  expect(reported).toMatchObject([
    { type: 'recording-failed', file: '/recording', reason: 'ENOSPC' },
    { type: 'recording-failed', reason: 'EIO' },
  ])
})

test('a replay refuses what it cannot run as it was', () => {
  const header = { type: 'header', version: 2 }
  const text = (...lines: object[]) => file(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  expect(() => readRecording(text({ ...header, version: 1 }))).toThrow('version 1')
  expect(() => readRecording(text({ at: 1, type: 'started' }))).toThrow('no header')
  const gap = { level: 'warn', part: 'log', dropped: 3, msg: 'log lines dropped' }
  expect(() => readRecording(text(header, { at: 1, type: 'started' }, gap))).toThrow('gap')
  expect(readRecording(text(header, gap, header, { at: 1, type: 'started' })).events).toHaveLength(1)
})
