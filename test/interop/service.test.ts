import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIni } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import { AS, buildTwoNodes, startNode, startReflector, type TwoNodes } from '../../src/lab/two-nodes.ts'
import { formatMac } from '../../src/values/mac.ts'
import { Flow } from '../support/flow.ts'
import { attach } from '../support/interop.ts'
import { SystemdHost } from '../support/systemd/host.ts'

/** deploy/chanter.service, installed as docs/operations.md has it, under the systemd of this machine. */
const UNIT = 'chanter.service'
const CONFIG = '/etc/bagpipe-bgp/bgp.conf'
const LOG = '/var/log/chanter/chanter.log'
/** A busy machine is slow to send keep-alives. */
const WATCHDOG_SECONDS = 4
const DROP_INS = '/run/systemd/system/chanter.service.d'

let lab: Lab
let network: TwoNodes
let host: SystemdHost

/** The shell lines of a section of docs/operations.md. */
function shellOf(section: string): string {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, lines] = new RegExp(`\n## ${section}\n.*?\n\`\`\`sh\n(.*?)\`\`\``, 's').exec(page) ?? []
  if (lines === undefined) throw new Error(`no commands in ${section}`)
  return lines
}

beforeAll(async () => {
  lab = new Lab()
  network = await buildTwoNodes(lab)
  const [one, two] = network.sites
  host = await SystemdHost.boot(lab, one.host)
  await startReflector(lab, network, 'chanter')
  await attach(await startNode(lab, network, two), two.vm)
  const settings = {
    DEFAULT: { log_file: LOG },
    BGP: { local_address: 'eth0', my_as: AS, peers: network.reflector.address },
    API: { socket: '/run/chanter/api.sock', socket_group: 'chanter' },
    DATAPLANE_DRIVER_EVPN: { dataplane_driver: 'linux' },
  }
  await host.write(CONFIG, formatIni(settings))
  // as a daemon leaves them that root started before
  await host.sh(
    `chmod 600 ${CONFIG}; mkdir /var/lib/chanter; touch /var/lib/chanter/state.lock; chmod 600 /var/lib/chanter/*`,
  )
})

afterAll(async () => {
  await host.close()
  lab.close()
})

const property = (name: string) => host.property(UNIT, name)
const pid = () => property('MainPID')

/** Waits until systemd has started it again, and it is ready. */
const restarted = () =>
  lab.eventually(
    'it is started again',
    async () => {
      const [times, state] = [await property('NRestarts'), await property('ActiveState')]
      return Number(times) > 0 && state === 'active' ? { value: state } : { seen: `${times} ${state}` }
    },
    30,
  )

async function withoutLoss(happens: () => Promise<unknown>): Promise<void> {
  const [one, two] = network.sites
  const flow = await Flow.start(lab, two.vm, one.vm, 100)
  await happens()
  const { thereAndBack } = await flow.stop()
  expect(thereAndBack.lost).toBe(0)
}

test('it is installed and started as documented, and ready when systemctl returns', async () => {
  await host.sh(`cd /opt/chanter; ${shellOf('systemd')}`)
  expect(await property('ActiveState')).toBe('active')
  expect(await property('StatusText')).toMatch(/^[01] of 1 sessions established, 0 VPN instances$/)
  const status = await host.run('cat', `/proc/${await pid()}/status`)
  expect(status).toMatch(/^Uid:\t[1-9]/m)
  expect(status).toMatch(/^Cap(Prm|Bnd|Amb):\t0000008000001400$/m)
  expect(status).toMatch(/^Seccomp:\t2$/m)
  await host.run('chanter', 'status', '--alive', '--server', 'unix:/run/chanter/api.sock')
})

test('an attached port is forwarded to and from', async () => {
  const { vm } = network.sites[0]
  const at = [
    '--port',
    vm.port,
    '--mac',
    formatMac(vm.mac),
    '--ip',
    vm.address,
    '--rt',
    '64512:10',
    '--vni',
    '100',
  ]
  await host.run('chanter', 'attach', '--vpn-type', 'evpn', '--vpn-instance-id', 'net1', ...at)
  await lab.eventually('it is well', async () => ({ value: await host.run('chanter', 'status') }))
  expect(await host.run('bridge', 'fdb', 'show', 'dev', 'vxlan--net1')).toContain('dst 10.77.0.12')
  expect(await host.run('chanter', 'status')).toContain('1 bridge by XDP and tc')
  expect(await host.run('cat', '/proc/sys/net/ipv6/conf/vxlan--net1/accept_ra')).toBe('0\n')
  await withoutLoss(async () => {})
})

test('root sees that it runs, and cleans up nothing', async () => {
  await expect(host.run('chanter', 'cleanup', '--force')).rejects.toThrow(`in use by pid ${await pid()} `)
})

test('systemctl reload has it read its configuration again', async () => {
  await host.sh(`sed -i 's/^log_file.*/&\\ndebug = true/' ${CONFIG}; systemctl reload chanter`)
  await lab.eventually('it is reloaded', async () => ({
    value: await host.run('grep', '"option":"\\[DEFAULT\\] debug","before":false,"after":true', LOG),
  }))
  expect(await property('ActiveState')).toBe('active')
  expect(await property('NRestarts')).toBe('0')
})

test('logrotate moves the log, and the daemon goes on in a new one', async () => {
  await host.run('logrotate', '--force', '/etc/logrotate.d/chanter')
  await host.run('systemctl', 'reload', 'chanter')
  await lab.eventually('both are there', async () => ({ value: await host.run('cat', LOG, `${LOG}.1`) }))
})

test('killed, it is started again, and no packet is lost', async () => {
  await withoutLoss(async () => {
    await host.sh(`kill -KILL ${await pid()}`)
    await restarted()
  })
})

test('it is started again when its loop hangs, by the watchdog', async () => {
  await host.sh(
    `mkdir -p ${DROP_INS}; printf '[Service]\\nWatchdogSec=${WATCHDOG_SECONDS}\\n' >${DROP_INS}/short.conf`,
  )
  await host.sh('systemctl daemon-reload; systemctl restart chanter')
  await withoutLoss(async () => {
    await host.sh(`kill -STOP ${await pid()}`)
    await restarted()
  })
})

test('systemctl stop ends it in time and in order, and forwarding stays', async () => {
  await withoutLoss(() => host.run('systemctl', 'stop', 'chanter'))
  expect(await property('Result')).toBe('success')
  expect(await host.run('tail', '-n', '1', LOG)).toContain('"msg":"stopped"')
})

test.each([
  [
    'its configuration, which systemd-tmpfiles makes readable',
    `chmod 600 ${CONFIG}`,
    `cannot be read (EACCES): give access to the user of this process, whose id is`,
    'systemd-tmpfiles --create',
  ],
  [
    'the group of its socket, which the unit can give to it',
    `sed -i 's/^socket_group.*/socket_group = adm/' ${CONFIG}`,
    'group adm cannot be set (EPERM): put the user of this process into it, or under systemd: SupplementaryGroups=adm',
    `mkdir -p ${DROP_INS}; printf '[Service]\\nSupplementaryGroups=adm\\n' >${DROP_INS}/group.conf; systemctl daemon-reload`,
  ],
])('it does not start without access to %s', async (_, deny, message, remedy) => {
  await host.sh(`systemctl stop chanter; ${deny}`)
  await expect(host.run('systemctl', 'start', 'chanter')).rejects.toThrow('Job for chanter.service failed')
  expect(await host.run('journalctl', '--unit', UNIT, '--output', 'cat', '--lines', '20')).toContain(message)
  await host.sh(`systemctl stop chanter; ${remedy}; systemctl start chanter`)
})

test('of chanter and bagpipe-bgp one runs, also where the other was killed and is to be started again', async () => {
  const other = '[Service]\nExecStart=sleep infinity\nRestart=always\nRestartSec=2\n'
  await host.write('/run/systemd/system/bagpipe-bgp.service', other)
  const states = async () => [
    await property('ActiveState'),
    await host.property('bagpipe-bgp.service', 'SubState'),
  ]
  await host.sh('systemctl daemon-reload; systemctl start bagpipe-bgp; systemctl kill -s KILL bagpipe-bgp')
  await lab.eventually('it is to be started again', async () => {
    const [, state] = await states()
    return state === 'auto-restart' ? { value: state } : { seen: `${state}` }
  })
  await host.run('systemctl', 'start', 'chanter')
  expect(await states()).toEqual(['active', 'dead'])
  await host.run('systemctl', 'start', 'bagpipe-bgp')
  expect(await states()).toEqual(['inactive', 'running'])
})
