import { run } from '../../src/lab/command.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabProcess } from '../../src/lab/process.ts'

let captures = 0

/** The packets to read, and their fields, as tshark names them. */
export interface Capture {
  readonly namespace: string
  readonly device: string
  readonly filter: string
  readonly fields: readonly string[]
}

/** What tshark reads of the packets on a device while something happens: `fields` of each, until a packet has `last` in them. */
export async function captured(
  lab: Lab,
  { namespace, device, filter, fields }: Capture,
  last: string,
  happening: () => Promise<unknown>,
): Promise<string[]> {
  const words = ['-i', device, '-f', filter, '-lnT', 'fields', '-e', 'frame.number']
  const tshark = lab.start(
    namespace,
    `tshark-${++captures}`,
    'tshark',
    ...words,
    ...fields.flatMap((field) => ['-e', field]),
  )
  const packets = () =>
    tshark
      .tail(10_000)
      .split('\n')
      .flatMap((line) => /^\d+\t(.*)/.exec(line)?.[1] ?? [])
  await lab.eventually('tshark captures', async () => {
    const seen = tshark.tail()
    return seen.includes('Capture started') ? { value: seen } : { seen }
  })
  await happening()
  await lab.eventually(`a packet with ${last} is captured`, async () => {
    const seen = packets()
    return seen.some((packet) => packet.includes(last)) ? { value: seen } : { seen: seen.join() }
  })
  await tshark.stop('SIGINT')
  return packets()
}

/** Starts tshark on a device and waits until it captures. */
export async function capturing(
  lab: Lab,
  namespace: string,
  device: string,
  filter: string,
  file: string,
): Promise<LabProcess> {
  const words = ['-q', '-i', device, '-f', filter, '-w', file]
  const started = lab.start(namespace, `tshark ${namespace} ${device}`, 'tshark', ...words)
  await lab.eventually('tshark captures', async () => {
    const seen = started.tail()
    return seen.includes('Capturing on') ? { value: seen } : { seen }
  })
  return started
}

/** The addresses that the ARP requests of a capture ask for. */
export async function askedFor(file: string): Promise<Set<string>> {
  const fields = await run(
    'tshark',
    '-r',
    file,
    ...['-Y', 'arp.opcode == 1', '-T', 'fields', '-e', 'arp.dst.proto_ipv4'],
  )
  return new Set(fields.trim().split('\n'))
}
