import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../src/lab/command.ts'
import { captureOf } from './pcap.ts'
import type { Facts } from './tshark-facter.ts'
import { DECIMALS, UNKNOWN, VPN_TEXT } from './tshark-facts.ts'

export interface Dissection {
  /** What it finds wrong with the octets; undefined when nothing. */
  readonly complaint: string | undefined
  readonly facts: Facts
}

/** What tshark sees in each message, which all come from sessions of one kind. */
export async function dissect(messages: readonly Buffer[], fourOctetAs: boolean): Promise<Dissection[]> {
  const directory = mkdtempSync(join(tmpdir(), 'chanter-pcap-'))
  try {
    const file = join(directory, 'messages.pcap')
    writeFileSync(file, captureOf(messages))
    const octets = fourOctetAs ? '4 octet' : '2 octet'
    const pdml = await run('tshark', '-r', file, '-o', `bgp.asn_len:${octets}`, '-T', 'pdml')
    return byConnection(pdml, messages.length)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const ERROR = 0x80_0000

function byConnection(pdml: string, count: number): Dissection[] {
  const seen = Array.from({ length: count }, () => ({
    complaint: undefined as string | undefined,
    facts: new Map() as Facts,
  }))
  for (const packet of pdml.split('<packet>').slice(1)) {
    const fields = [...packet.matchAll(/<field name="([^"]*)"(?: showname="([^"]*)")?[^>]*? show="([^"]*)"/g)]
    const stream = Number(fields.find(([, name]) => name === 'tcp.stream')?.[3])
    const { facts } = seen[stream]!
    let message = ''
    for (const [, name = '', shown = '', value = ''] of fields) {
      if (name === '_ws.expert.message') message = value
      if (name === '_ws.expert.severity' && Number(value) >= ERROR) seen[stream]!.complaint = message
      if (!name.startsWith('bgp.')) continue
      const field = name.startsWith(`${DECIMALS}_`) ? DECIMALS : name
      facts.set(field, [...(facts.get(field) ?? []), unescapeXml(value)])
      if (name === VPN_TEXT)
        facts.set(`${name}.text`, [...(facts.get(`${name}.text`) ?? []), unescapeXml(shown)])
    }
  }
  return seen
}

function unescapeXml(text: string): string {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

/** The first fact that the dissector shows otherwise; undefined when it shows them all. */
export function disagreement(expected: Facts, { complaint, facts: seen }: Dissection): string | undefined {
  if (complaint !== undefined) return complaint
  for (const [field, values] of expected) {
    const shown = seen.get(field) ?? []
    if (shown.join() !== values.join()) return `${field} is ${values.join()}, not ${shown.join() || 'absent'}`
  }
  const unknown = UNKNOWN.find((field) => seen.has(field))
  if (unknown !== undefined) return `there is an ${unknown}`
  return expected.size < 2 ? 'nothing is known of it' : undefined
}
