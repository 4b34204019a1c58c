import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ip } from './network.ts'
import { addressesOf, TwoNodes } from './two-nodes.ts'
import { SENDS_MPLS_IN_UDP } from './udp.ts'

const RED = { instance: 'red', importTargets: ['64512:10'], exportTargets: ['64512:10'] }
const ICMP_AND_IPV4 = 28
const ICMP_AND_IPV6 = 48

/** Octets of a packet of a VM that fit into 1500 with a label. */
const WAYS: (readonly [mplsInterface: string, mtu: number])[] = [
  ['core', 1496],
  ['*gre*', 1472],
]
if (SENDS_MPLS_IN_UDP) WAYS.push(['*udp*', 1468])

describe.each(WAYS)('mpls_interface = %s', (mplsInterface, mtu) => {
  let nodes: TwoNodes
  const { ipv4, ipv6 } = addressesOf(2)

  beforeAll(async () => {
    nodes = new TwoNodes(mplsInterface, [1, 2])
    await nodes.start()
    for (const n of [1, 2]) await nodes.attach(n, RED)
    await nodes.reaches(1, ipv4)
    await nodes.reaches(1, ipv6)
  }, 120_000)

  afterAll(() => nodes.close())

  const send = (to: string, size: number) =>
    nodes.ping(1, to, '-M', 'do', '-s', `${size}`).catch(({ message }: Error) => message)

  test('an IPv4 packet that does not fit is answered with the MTU that does', async () => {
    expect(await send(ipv4, mtu - ICMP_AND_IPV4)).toContain('3 received')
    const refused = await send(ipv4, mtu + 1 - ICMP_AND_IPV4)
    expect(refused).toContain(`message too long, mtu=${mtu}`) // as told by the first answer
  })

  test('the largest IPv6 packet gets through', async () => {
    expect(await send(ipv6, mtu - ICMP_AND_IPV6)).toContain('3 received')
  })

  test('TCP gets through, by what it learns of the MTU', async () => {
    const octets = 100_000
    const address = `("${ipv4}", 9000)`
    const python = (vm: number, ...lines: readonly string[]) =>
      nodes.lab.exec(nodes.vms.get(vm)!, 'python3', '-c', ['import socket, time', ...lines].join('\n'))
    const server = python(
      2,
      `connection = socket.create_server(${address}).accept()[0]`,
      'received = 0',
      'while data := connection.recv(65536): received += len(data)',
      'print(received)',
    )
    await python(
      1,
      'while True:',
      `  try: connection = socket.create_connection(${address}, 5); break`,
      '  except OSError: time.sleep(0.2)',
      `connection.sendall(b"x" * ${octets})`,
    )
    expect((await server).trim()).toBe(`${octets}`)
  })

  test('a core with room lets packets of 1500 octets pass', async () => {
    for (const { namespace } of nodes.hosts) ip(namespace, 'link set core mtu 1600')
    ip(nodes.vms.get(1)!, 'route flush cache')
    await nodes.lab.eventually('IPv4 packets pass', async () => {
      const said = await send(ipv4, 1500 - ICMP_AND_IPV4)
      return said.includes('3 received') ? { value: said } : { seen: said }
    })
    expect(await send(ipv6, 1500 - ICMP_AND_IPV6)).toContain('3 received')
  })
})
