import { run } from '../../src/lab/command.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { LabProcess } from '../../src/lab/process.ts'

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
