import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson } from '../../src/client.ts'
import { CHANTER } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { indexOf, ping } from '../support/interop.ts'
import { Takeover } from '../support/takeover.ts'

let takeover: Takeover
const UUID = '3f2a9c1e-6d0b-4c58-9b1e-0a7d5c2f4e61'
const [BRIDGE, VXLAN] = ['evpn---3f2a9c1e', 'vxlan--3f2a9c1e']

beforeAll(async () => {
  takeover = await Takeover.start('UUID')
})

afterAll(() => takeover.close())

const ip = (...words: string[]) => run('ip', '-n', takeover.host.namespace, ...words)
const operator = (...words: string[]) => takeover.lab.exec(takeover.host.namespace, CHANTER, ...words)

/** The bridge that the VM's port is in. */
const bridgeOfVm = async () => {
  const [link] = JSON.parse(await ip('-json', 'link', 'show', takeover.network.sites[0].vm.port)) as {
    master?: string
  }[]
  return link?.master
}

/** Packets pass between the VMs in both directions. */
async function connected(): Promise<void> {
  const [{ vm: one }, { vm: two }] = takeover.network.sites
  await takeover.lab.eventually('the VMs reach each other', async () => {
    const lost = await ping(takeover.lab, one, two).then(
      () => null,
      (error: Error) => error.message,
    )
    return lost === null ? { value: lost } : { seen: lost }
  })
  await ping(takeover.lab, two, one)
}

test('chanter takes over from a bagpipe-bgp that was killed: its devices stay, and become owned', async () => {
  const before = [await indexOf(takeover.host, BRIDGE), await indexOf(takeover.host, VXLAN)]
  await takeover.stop('SIGKILL')
  await takeover.startChanter()
  const left = await operator('status').catch((error: Error) => error.message)
  expect(left).toContain(`links that bagpipe-bgp left and that still forward: ${BRIDGE}, ${VXLAN}`)
  // a port that can be in no bridge, since a macvlan has it, takes nothing from the VM
  await ip('tuntap', 'add', 'tap9', 'mode', 'tap')
  await ip('link', 'add', 'link', 'tap9', 'name', 'mac9', 'type', 'macvlan')
  const refused = { local_port: { linuxif: 'tap9' }, mac_address: '02:00:00:00:09:09' }
  await expect(takeover.attach(0, refused)).rejects.toThrow('cannot set up tap9: EBUSY')
  const { port } = takeover.network.sites[0].vm
  expect(await ip('link', 'show', port)).toMatch(/ master evpn---/)
  expect(await operator('status').catch((error: Error) => error.message)).toContain('stale links of chanter')
  await takeover.attach()
  const instance = await fetchJson<Record<string, string>>(
    takeover.daemon.api,
    `/looking-glass/vpns/instances/${UUID}/dataplane`,
  )
  const names = [`${instance['linux_bridge']}`, `${instance['vxlan_if']}`] as const
  expect([await indexOf(takeover.host, names[0]), await indexOf(takeover.host, names[1])]).toEqual(before)
  for (const name of names) expect(await ip('link', 'show', name)).toContain(`alias chanter:${UUID}`)
  await connected()
  expect(await operator('status').catch((error: Error) => error.message)).not.toContain('bagpipe-bgp left')
})

test('and back: after chanter cleanup bagpipe-bgp works as on a new node', async () => {
  await takeover.stop('SIGTERM')
  const stateFile = join(takeover.lab.directory, `${takeover.host.name}.state`)
  expect(await operator('cleanup', '--state-file', stateFile)).toContain('removed vxlan vxlan--')
  expect(await ip('-br', 'link')).not.toMatch(/evpn---|vxlan--/)
  await takeover.startBagpipe()
  // cleanup leaves ports down, and bagpipe-bgp does not set them up
  await ip('link', 'set', takeover.network.sites[0].vm.port, 'up')
  await takeover.settle()
  await connected()
})

test('a state older than a run of bagpipe-bgp is not restored: the VM stays where bagpipe-bgp put it until the attach', async () => {
  await takeover.stop('SIGKILL')
  await takeover.startChanter()
  await takeover.attach()
  // no cleanup: bagpipe-bgp deletes what chanter made at its first attach
  await takeover.stop('SIGTERM')
  await takeover.startBagpipe()
  await takeover.settle()
  await takeover.stop('SIGKILL')
  await takeover.startChanter()
  expect(await bridgeOfVm()).toBe(BRIDGE)
  const status = await operator('status').catch((error: Error) => error.message)
  expect(status).toContain(`links that bagpipe-bgp left and that still forward: ${BRIDGE}, ${VXLAN}`)
  expect(status).toMatch(/^instances +0,/m)
  await takeover.attach()
  await connected()
  const later = await operator('status').catch((error: Error) => error.message)
  expect(later).not.toMatch(/bagpipe-bgp left|kernel entries failed/)
})
