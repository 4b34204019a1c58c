import { expect, test } from 'vitest'
import { ip } from './network.ts'
import { addressesOf, type TwoNodes } from './two-nodes.ts'

const ICMP_AND_IPV4 = 28
const ICMP_AND_IPV6 = 48

/** How packets of VM 1 to VM 2 fare, of which `mtu` octets fit into 1500 with a label; the core has more room afterwards. */
export function testMtu(nodes: () => TwoNodes, mtu: number): void {
  const { ipv4, ipv6 } = addressesOf(2)

  const send = (to: string, size: number) =>
    nodes()
      .ping(1, to, '-M', 'do', '-s', `${size}`)
      .catch(({ message }: Error) => message)

  test('an IPv4 packet that does not fit is answered with the MTU that does', async () => {
    expect(await send(ipv4, mtu - ICMP_AND_IPV4)).toContain('3 received')
    const refused = await send(ipv4, mtu + 1 - ICMP_AND_IPV4)
    expect(refused).toContain(`message too long, mtu=${mtu}`) // from the first answer
  })

  test('the largest IPv6 packet gets through', async () => {
    expect(await send(ipv6, mtu - ICMP_AND_IPV6)).toContain('3 received')
  })

  test('TCP gets through, by what it learns of the MTU', async () => {
    const octets = 100_000
    const address = `("${ipv4}", 9000)`
    const python = (vm: number, ...lines: readonly string[]) =>
      nodes().lab.exec(nodes().vms.get(vm)!, 'python3', '-c', ['import socket, time', ...lines].join('\n'))
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
    for (const { namespace } of nodes().hosts) ip(namespace, 'link set core mtu 1600')
    ip(nodes().vms.get(1)!, 'route flush cache')
    await nodes().lab.eventually('IPv4 packets pass', async () => {
      const output = await send(ipv4, 1500 - ICMP_AND_IPV4)
      return output.includes('3 received') ? { value: output } : { seen: output }
    })
    expect(await send(ipv6, 1500 - ICMP_AND_IPV6)).toContain('3 received')
  })
}
