import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { request } from '../../src/client.ts'
import { type Daemon, startChanter } from '../../src/lab/chanter.ts'
import { Lab } from '../../src/lab/lab.ts'
import type { Host } from '../../src/lab/network.ts'
import { addCable, ip, runIn } from './network.ts'

const PAIR = [1, 2] as const
const SUBNET = '192.168.10'

describe.each(['core', '*gre*'])('two daemons, packets by mpls_interface = %s', (mplsInterface) => {
  let lab: Lab
  let hosts: Host[]
  let daemons: Daemon[]
  let vms: string[]

  beforeAll(async () => {
    lab = new Lab()
    hosts = PAIR.map((n) => ({
      name: `pe${n}`,
      namespace: lab.addNamespace(`pe${n}`),
      address: `10.0.0.${n}`,
    }))
    const [one, two] = hosts as [Host, Host]
    addCable([one.namespace, 'core'], [two.namespace, 'core'])
    for (const { namespace, address } of hosts) ip(namespace, `address add ${address}/24 dev core`)
    vms = [...PAIR, 3].map((n) => {
      const vm = lab.addNamespace(`vm${n}`)
      const host = hosts[(n - 1) % 2]!
      addCable([host.namespace, `tap${n}`], [vm, 'eth0'])
      const subnet = n === 3 ? '192.168.20' : SUBNET
      ip(vm, `link set eth0 address ${macOf(n)}`, `address add ${subnet}.${n}/24 dev eth0`)
      ip(vm, `address add 2001:db8:${n === 3 ? 3 : 0}::${n}/64 dev eth0 nodad`)
      ip(vm, `route add default via ${subnet}.254`)
      return vm
    })
    lab.enter(one.namespace)
    daemons = []
    for (const [i, host] of hosts.entries()) {
      const BGP = { peers: hosts[1 - i]!.address, my_as: 64512, connect_retry_time: 1 }
      const DATAPLANE_DRIVER_IPVPN = { dataplane_driver: 'linux', mpls_interface: mplsInterface }
      daemons.push(await startChanter(lab, host, { BGP, DATAPLANE_DRIVER_IPVPN }))
    }
  }, 120_000)

  afterAll(() => lab.close())

  const macOf = (n: number): string => `02:00:00:00:01:0${n}`

  async function attach(n: number, instance: string, targets: readonly [string[], string[]]): Promise<void> {
    const daemon = daemons[(n - 1) % 2]!
    const subnet = n === 3 ? '192.168.20' : SUBNET
    const addresses = [
      [`${subnet}.${n}/24`, `${subnet}.254`],
      [`2001:db8:${n === 3 ? 3 : 0}::${n}/64`, `2001:db8:${n === 3 ? 3 : 0}::ffff`],
    ]
    for (const [address, gateway] of addresses) {
      const answer = await request(daemon.api, '/attach_localport', {
        vpn_instance_id: instance,
        vpn_type: 'ipvpn',
        import_rt: targets[0],
        export_rt: targets[1],
        mac_address: macOf(n),
        ip_address: address,
        gateway_ip: gateway,
        local_port: { linuxif: `tap${n}` },
      })
      expect(answer).toMatchObject({ status: 200, body: 'null' })
    }
  }

  async function reaches(from: number, address: string): Promise<void> {
    await lab.eventually(
      `vm${from} reaches ${address}`,
      async () => {
        const said = await lab.exec(vms[from - 1]!, 'ping', '-c', '3', '-i', '0.2', '-W', '2', address)
        return said.includes('3 received') ? { value: said } : { seen: said }
      },
      60,
    )
  }

  test('VMs of one subnet on two nodes reach each other, IPv4 and IPv6', async () => {
    await attach(1, 'red', [['64512:10', '64512:20'], ['64512:10']])
    await attach(2, 'red', [['64512:10'], ['64512:10']])
    await reaches(1, `${SUBNET}.2`)
    await reaches(2, '2001:db8::1')
  })

  test('so do VRFs of one node that import each other', async () => {
    await attach(3, 'green', [['64512:10'], ['64512:20']])
    await reaches(1, '192.168.20.3')
    await reaches(3, `${SUBNET}.1`)
  })

  test('a daemon that is killed leaves its routes, and the next one touches none of them', async () => {
    const [host] = hosts as [Host]
    const table = () =>
      runIn(host.namespace, 'ip route show table 1001') + runIn(host.namespace, 'ip -f mpls route')
    const before = table()
    expect(before).toContain(`${SUBNET}.2`)
    await daemons[0]!.process.stop('SIGKILL')
    expect(table()).toBe(before)
    const BGP = { peers: hosts[1]!.address, my_as: 64512, connect_retry_time: 1 }
    const DATAPLANE_DRIVER_IPVPN = { dataplane_driver: 'linux', mpls_interface: mplsInterface }
    daemons[0] = await startChanter(lab, host, { BGP, DATAPLANE_DRIVER_IPVPN })
    await reaches(1, `${SUBNET}.2`)
    expect(table()).toBe(before)
  })
})
