import { fetchJson, request, type Server } from '../../src/client.ts'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import { fdb, sessionState } from '../../src/lab/views.ts'
import { formatMac } from '../../src/values/mac.ts'

/** What an agent sends for a VM of the lab. */
export function attachmentOf(vm: Vm): Record<string, unknown> {
  return {
    vpn_instance_id: 'net1',
    vpn_type: 'evpn',
    import_rt: ['64512:10'],
    export_rt: ['64512:10'],
    mac_address: formatMac(vm.mac),
    ip_address: vm.address,
    gateway_ip: '192.168.10.254',
    local_port: { linuxif: vm.port },
    vni: 100,
  }
}

export async function attach({ api }: LabDaemon, vm: Vm): Promise<void> {
  const answer = await request(api, '/attach_localport', attachmentOf(vm))
  if (answer.status !== 200 || answer.body !== 'null')
    throw new Error(`attach: ${answer.status} ${answer.body}`)
}

export async function detach({ api }: LabDaemon, vm: Vm): Promise<void> {
  const answer = await request(api, '/detach_localport', attachmentOf(vm))
  if (answer.status !== 200 || answer.body !== 'null')
    throw new Error(`detach: ${answer.status} ${answer.body}`)
}

/** Waits until the daemon's session with the peer is established, or no longer is. */
export async function session(lab: Lab, { api, host }: LabDaemon, peer: string, up: boolean): Promise<void> {
  await lab.eventually(`the session of ${host.name} with ${peer} is ${up ? 'up' : 'down'}`, async () => {
    const state = await sessionState(api, peer)
    return (state === 'Established') === up ? { value: state } : { seen: `state ${state}` }
  })
}

/** The UPDATE messages that a peer was sent; there are some, since a session begins with them. */
export async function updatesSent({ api }: LabDaemon, peer: string): Promise<number> {
  const path = `/looking-glass/bgp/peers/${peer}`
  const { messages } = await fetchJson<{ messages: { sent: Record<string, number> } }>(api, path)
  const sent = messages.sent['update']
  if (sent === undefined || sent === 0) throw new Error(`no UPDATE was sent to ${peer}`)
  return sent
}

/** What the kernel forwards to other nodes, in words: MAC, VTEP, and the VNI where it is another. */
export async function remoteEntries(host: LabHost): Promise<string[]> {
  const entries = await fdb(host)
  return entries
    .filter(({ dst, flags }) => dst !== undefined && flags.includes('self'))
    .map(({ mac, dst, vni }) => `${mac} ${dst}${vni === undefined ? '' : ` vni ${vni}`}`)
    .sort()
}

/** Waits until these are all the remote entries of the kernel. */
export async function forwards(lab: Lab, host: LabHost, expected: readonly string[]): Promise<void> {
  await lab.eventually(
    `${host.name} forwards to ${expected.length === 0 ? 'nobody' : expected.join(', ')}`,
    async () => {
      const seen = await remoteEntries(host)
      return seen.join() === [...expected].sort().join()
        ? { value: seen }
        : { seen: seen.join(', ') || 'nothing' }
    },
  )
}

/** Pings from one VM to the other; throws with ping's own words when a packet is lost. */
export async function ping(lab: Lab, from: Vm, to: Vm): Promise<void> {
  const [address = ''] = to.address.split('/')
  await lab.exec(from.namespace, 'ping', '-c', '3', '-i', '0.2', '-W', '2', address)
}

export const indexOf = async (host: LabHost, device: string): Promise<number> => {
  const [link] = JSON.parse(await run('ip', '-n', host.namespace, '-json', 'link', 'show', device)) as {
    ifindex: number
  }[]
  return link!.ifindex
}

export function instance(api: Server, path: string): Promise<unknown> {
  return fetchJson(api, `/looking-glass/vpns/instances/net1/${path}`)
}
