import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { formatTime } from '../../src/values/time.ts'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

const SINCE = new Date(2026, 10, 25, 2, 11, 7).getTime()

const PEER = {
  id: '192.0.2.1',
  state: 'Established',
  as: 64512,
  since: '2026-11-25 02:11:07',
  routes: 1204,
  reason: null,
}

const WELL = {
  ok: true,
  problems: [],
  version: '0.1.0',
  started: SINCE,
  uptime_seconds: 273_600,
  sessions: { established: 1, disabled: 0, peers: [PEER] },
  routes: {
    state: 'complete',
    since: SINCE,
    waiting_for: [],
    stale: [],
    received: 1204,
    own: 4,
    filtered_by: [],
  },
  instances: { count: 1, endpoints: 3 },
  entries: { wanted: 60, programmed: 60, pending: 0, failed: 0, unremoved: 0 },
  compared: { at: SINCE, entries: 60, faults: 0 },
  stale: { entries: 0, links: [] },
  state_file: { path: '/var/lib/chanter/state', written: SINCE, failure: null },
}

const FAILED = {
  entry: 'remote-mac 02:00:00:00:01:02 on vxlan--net1',
  kind: 'remote-mac',
  instances: ['net1'],
  wanted: true,
  state: 'failed',
  reason: 'ENOMEM: no room',
  errno: { name: 'ENOMEM', number: 12 },
  since: SINCE,
  next_try: SINCE + 60_000,
  attempts: 12,
}

const ILL = {
  ...WELL,
  ok: false,
  problems: ['no session with any peer', '11 of 60 kernel entries failed'],
  sessions: { established: 0, disabled: 1, peers: [{ ...PEER, state: 'Idle', reason: 'disabled' }] },
  routes: { ...WELL.routes, state: 'headless' },
  entries: { wanted: 60, programmed: 48, pending: 1, failed: 11, unremoved: 0 },
  compared: { at: SINCE, entries: 60, faults: 2 },
  stale: { entries: 2, links: [{ name: 'evpn---old' }] },
  state_file: { ...WELL.state_file, failure: { reason: 'ENOSPC', since: SINCE } },
}

/** `chanter status` against a daemon that answers so. */
async function status(answers: Readonly<Record<string, unknown>>, ...args: readonly string[]) {
  const server = await serve(({ url = '' }) =>
    url in answers
      ? { body: JSON.stringify(answers[url]) }
      : {
          status: 404,
          body: '{"code":404,"title":"Not Found","description":"there is no VPN instance net9"}',
        },
  )
  return chanter('status', ...args, '--port', String(server.port))
}

describe('status', () => {
  test('--alive asks no more than whether the daemon works', async () => {
    const { output, exitCode } = await status({ '/healthz': { ok: true }, '/status': ILL }, '--alive')
    expect([output, exitCode]).toEqual(['{"ok":true}\n', undefined])
  })

  test('asks the daemon of its environment', async () => {
    const server = await serve(() => ({ body: '{"ok":true}' }))
    const words = ['--import', 'tsx', 'src/main.ts', 'status', '--alive']
    const env = { ...process.env, CHANTER_API__PORT: `${server.port}` }
    const { stdout } = await promisify(execFile)(process.execPath, words, { env })
    expect(stdout).toBe('{"ok":true}\n')
  })

  test('of attachments that no agent has attached again, with commands for a shell to detach them', async () => {
    const one = { vpn_instance_id: 'my net', vpn_type: 'evpn', mac_address: '02:00:00:00:01:01' }
    const attachments = [
      { ...one, ip_address: '192.168.10.1', local_port: 'tap1' },
      ...Array.from({ length: 6 }, () => ({ ...one, ip_address: null, local_port: 'tap$2' })),
    ]
    const { output } = await status({ '/status': { ...WELL, unconfirmed: { count: 7, attachments } } })
    const command = "chanter detach --vpn-type evpn --vpn-instance-id 'my net'"
    expect(output).toContain(`
unconfirmed  7 attachments of the state file not attached again since the start; of deleted ports, detach them:
             ${command} --port tap1 --mac 02:00:00:00:01:01 --ip 192.168.10.1
             ${command} --port 'tap$2' --mac 02:00:00:00:01:01
`)
    expect(output).toContain('and 2 more: chanter status --json')
  })

  test('of a node with a port in two IP VPNs: the second only receives', async () => {
    const port = { local_port: 'tap1', vpn_instance_id: 'green' }
    const shown = async (sends_into: string | null) =>
      status({ '/status': { ...WELL, receive_only: { count: 3, ports: [{ ...port, sends_into }] } } })
    expect((await shown('red')).output).toContain('  tap1 in green: what it sends goes into red alone, and 2')
    expect((await shown(null)).output).toContain('  tap1 in green: what it sends is dropped, and 2 more\n')
  })

  test('of a daemon that is well', async () => {
    const { output, exitCode } = await status({ '/status': WELL })
    expect(exitCode).toBeUndefined()
    expect(output).toBe(`ALL WELL: chanter 0.1.0, up 3 d 4 h, since 2026-11-25 02:11:07

sessions    1 of 1 established
routes      complete since 2026-11-25 02:11:07; 1204 received, 4 ours
instances   1, with 3 endpoints
kernel      60 entries wanted: 60 programmed, 0 pending, 0 failed
compared    60 entries with the kernel at 2026-11-25 02:11:07: all as wanted
stale       none
state file  /var/lib/chanter/state, written 2026-11-25 02:11:07

PEER       AS     STATE        SINCE                ROUTES  WHY
192.0.2.1  64512  Established  2026-11-25 02:11:07  1204
`)
  })

  test('of one that is not begins with what is wrong, and ends with what failed', async () => {
    const answers = { '/status': ILL, '/status/entries?state=failed': Array(11).fill(FAILED) }
    const { output, exitCode } = await status(answers)
    expect(exitCode).toBe(1)
    expect(output).toBe(`2 PROBLEMS: chanter 0.1.0, up 3 d 4 h, since 2026-11-25 02:11:07

! no session with any peer
! 11 of 60 kernel entries failed

sessions    0 of 1 established, 1 disabled
routes      HEADLESS: no session, forwarding by stale routes since 2026-11-25 02:11:07; 1204 received, 4 ours
instances   1, with 3 endpoints
kernel      60 entries wanted: 48 programmed, 1 pending, 11 failed
compared    60 entries with the kernel at 2026-11-25 02:11:07: 2 were not as wanted
stale       2 entries kept until initial convergence is complete; links: evpn---old
state file  NOT WRITABLE: /var/lib/chanter/state: ENOSPC

PEER       AS     STATE  SINCE                ROUTES  WHY
192.0.2.1  64512  Idle   2026-11-25 02:11:07  1204    disabled

STATE   ENTRY                                        INSTANCE  SINCE                TRIES  NEXT TRY             WHY
${`failed  remote-mac 02:00:00:00:01:02 on vxlan--net1  net1      2026-11-25 02:11:07  12     2026-11-25 02:12:07  ENOMEM: no room\n`.repeat(10)}and 1 more: chanter status --failed
`)
  })

  test('--json', async () => {
    const { output, exitCode } = await status({ '/status': ILL }, '--json')
    expect(JSON.parse(output)).toEqual(ILL)
    expect(exitCode).toBe(1)
  })

  test('without a daemon: exit code 2', async () => {
    const { error, exitCode, output } = await chanter('status', '--port', '65533')
    expect({ error, exitCode, output }).toEqual({ error: undefined, exitCode: 2, output: '' })
  })
})

describe('entries', () => {
  test('--failed lists all that failed', async () => {
    const answers = { '/status/entries?state=failed': Array(11).fill({ ...FAILED, wanted: false }) }
    const { output, exitCode } = await status(answers, '--failed')
    expect(output.match(/^not removed {2}remote-mac/gm)).toHaveLength(11)
    expect(exitCode).toBe(1)
  })

  test('--failed reports that there are none', async () => {
    expect(await status({ '/status/entries?state=failed': [] }, '--failed')).toMatchObject({
      output: 'none\n',
      exitCode: undefined,
    })
  })

  test('--instance lists all of one instance', async () => {
    const programmed = {
      ...FAILED,
      state: 'programmed',
      reason: null,
      since: null,
      next_try: null,
      attempts: 0,
    }
    const { output, exitCode } = await status(
      { '/status/entries?instance=net1': [programmed] },
      '--instance',
      'net1',
    )
    expect(output).toContain('programmed  remote-mac 02:00:00:00:01:02 on vxlan--net1  net1\n')
    expect(exitCode).toBeUndefined()
    expect((await status({}, '--instance', 'net9')).error).toBe(
      '404: Not Found: there is no VPN instance net9',
    )
  })
})

describe('--settings', () => {
  const setting = {
    name: 'net.ipv4.conf.tap1.forwarding',
    value: 1,
    before: 0,
    fits: true,
    needed_for: 'port tap1',
  }

  test('lists what is held, what it was, and what for', async () => {
    const same = { ...setting, name: 'net.ipv4.conf.tap1.proxy_arp', before: 1 }
    const answers = { '/status/settings': [setting, same] }
    const { output, exitCode } = await status(answers, '--settings')
    expect(exitCode).toBeUndefined()
    expect(output).toBe(`SETTING                        VALUE  BEFORE  NEEDED FOR
net.ipv4.conf.tap1.forwarding  1      0       port tap1
net.ipv4.conf.tap1.proxy_arp   1              port tap1
`)
    expect((await status({ '/status/settings': [] }, '--settings')).output).toBe('none\n')
  })

  test('fails where one is not as it has to be', async () => {
    const answers = { '/status/settings': [{ ...setting, value: 0, fits: false }] }
    const { output, exitCode } = await status(answers, '--settings')
    expect(exitCode).toBe(1)
    expect(output).toContain('port tap1   NOT AS NEEDED')
    expect((await status({}, '--settings', '--verify')).error).toMatch(/goes with --json alone/)
  })
})

describe('--verify', () => {
  const NOTHING = {
    devices: 3,
    entries: 60,
    missing: 0,
    different: 0,
    extra: 0,
    failed: 0,
    pending: 0,
    stale: 0,
    outdated: [],
    faults: [],
    unreadable: [],
  }

  test('reports that all entries are programmed', async () => {
    expect(await status({ '/status/verify': NOTHING }, '--verify')).toMatchObject({
      output:
        'compared 60 entries on 3 devices with the kernel: all entries are programmed, and nothing else of chanter\n',
      exitCode: undefined,
    })
  })

  test('names what still forwards though it is not wanted', async () => {
    const answer = { ...NOTHING, stale: 2, outdated: ['vxlan--net1', 'vxlan--net2'] }
    expect(await status({ '/status/verify': answer }, '--verify')).toMatchObject({
      output: `compared 60 entries on 3 devices with the kernel: 0 missing, 0 different, 0 extra, 2 stale
stale entries still forward, and are removed within a minute after initial convergence
vxlan--net1 and 1 more: entries of bagpipe-bgp still forward, until the device is recreated within a minute after initial convergence
`,
      exitCode: 1,
    })
  })

  test('shows the hops of a route that is another one', async () => {
    const hops = [{ device: 'eth1', via: '10.77.0.15', labels: [30], weight: 1 }]
    const found = { kind: 'mpls', device: 'lo', label: 1000, hops }
    const faults = [{ fault: 'different', entry: 'label 1000', found }]
    const { output } = await status({ '/status/verify': { ...NOTHING, different: 1, faults } }, '--verify')
    expect(output).toContain(
      'label 1000  there is label 1000, hops [{"device":"eth1","via":"10.77.0.15","labels":[30],"weight":1}]',
    )
  })

  test('lists what is not', async () => {
    const found = { kind: 'remote-mac', device: 'vx0', mac: '02:00:00:00:01:02', dst: '192.0.2.66', vni: 100 }
    const faults = [
      { fault: 'missing', entry: 'neighbour 10.0.0.2 on br0', found: null },
      { fault: 'different', entry: 'remote-mac 02:00:00:00:01:02 on vx0', found },
      { fault: 'extra', entry: 'link evpn---old', found: {} },
    ]
    const answer = {
      ...NOTHING,
      missing: 1,
      different: 1,
      extra: 2,
      faults,
      unreadable: [{ device: 'vx9', reason: 'EPERM' }],
    }
    const { output, exitCode } = await status({ '/status/verify': answer }, '--verify')
    expect(exitCode).toBe(1)
    expect(
      output,
    ).toBe(`compared 60 entries on 3 devices with the kernel: 1 missing, 1 different, 2 extra; the first 3 are
missing     neighbour 10.0.0.2 on br0
different   remote-mac 02:00:00:00:01:02 on vx0  there is mac 02:00:00:00:01:02, dst 192.0.2.66, vni 100
extra       link evpn---old
unreadable  vx9                                  EPERM
drift is being repaired: verify again
extra links still forward: attach the ports of their VPN instances again, or delete them
`)
  })

  test('does not promise to repair links that nothing sweeps', async () => {
    const faults = [{ fault: 'extra', entry: 'link evpn---old', found: {} }]
    const { output, exitCode } = await status(
      { '/status/verify': { ...NOTHING, extra: 1, faults } },
      '--verify',
    )
    expect(exitCode).toBe(1)
    expect(output).toContain('extra links still forward')
    expect(output).not.toContain('is being repaired')
  })

  test('does not report success while entries have failed or are pending', async () => {
    const answer = { ...NOTHING, failed: 2, pending: 1 }
    const { output, exitCode } = await status({ '/status/verify': answer }, '--verify')
    expect(exitCode).toBe(1)
    expect(
      output,
    ).toBe(`compared 60 entries on 3 devices with the kernel: 0 missing, 0 different, 0 extra, 2 failed, 1 pending
failed entries are tried again, and listed with the reason by chanter status --failed
entries are pending: verify again
`)
  })

  test('compares everything', async () => {
    expect((await status({}, '--verify', '--failed')).error).toMatch(/neither --failed nor --instance/)
  })
})

test('times are those of this machine', () => {
  expect(formatTime(SINCE)).toBe('2026-11-25 02:11:07')
})

test('control characters of a terminal are shown escaped', async () => {
  const { output } = await status({
    '/status': { ...WELL, ok: false, problems: ['net\u001b[2J\u009b1 is down\n! really'] },
  })
  expect(output).toContain('! net\\x1b[2J\\x9b1 is down\\x0a! really')
})
