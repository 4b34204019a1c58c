import { RequestError } from '../../src/api/errors.ts'
import { parseRouteTarget } from '../../src/bgp/values/extended-community.ts'
import { formatRd, parseRd } from '../../src/bgp/values/rd.ts'
import { ConfigError } from '../../src/config/finding.ts'
import { parseIni } from '../../src/config/ini.ts'
import { interpret } from '../../src/config/load.ts'
import { configSchema, optionsOf } from '../../src/config/schema.ts'
import { parseAttach, parseDetach } from '../../src/rest/params.ts'
import { formatIp, parseInterfaceAddress, parseIp } from '../../src/values/address.ts'
import { formatMac, parseMac } from '../../src/values/mac.ts'
import { mutateBytes } from './mutate.ts'
import type { Random } from './random.ts'
import { Broken, refusable, type Target } from './target.ts'

const INTERFACES = {
  lo: [{ address: '127.0.0.1' }],
  eth0: [{ address: 'fe80::1' }, { address: '192.0.2.7' }],
}

const BODY = {
  vpn_instance_id: 'net1',
  vpn_type: 'evpn',
  import_rt: ['64512:10', '10.0.0.1:7', '65536:1'],
  export_rt: '64512:10,64512:11',
  mac_address: '02:00:00:00:01:01',
  ip_address: '192.168.10.1/24',
  gateway_ip: '2001:db8::1',
  local_port: { linuxif: 'tap1' },
  linuxbr: 'br0',
  vni: 100,
  local_pref: 100,
  direction: 'both',
  description: { any: [1, null, 'x'] },
}

/** What stands in the place of values. */
const VALUES: readonly string[] = [
  'null',
  'true',
  '-1',
  '0',
  '1e308',
  '4294967296',
  '16777216',
  '0.5',
  '""',
  '[]',
  '{}',
  '[[]]',
  '"64512:4294967295"',
  '"4294967295:65535"',
  '"999.0.0.1:1"',
  '"::ffff:1.2.3.4/128"',
  '"0200.0000.0001"',
  '"\\u0000"',
  '"\\ud800"',
  '{"linuxif":{}}',
  '{"__proto__":{"linuxif":"x"}}',
  '"évpn"',
]

function mutateText(input: Buffer, random: Random, other: Buffer): Buffer {
  let text = input
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) text = mutateBytes(text, random, other)
  return text
}

function mutateJson(input: Buffer, random: Random, other: Buffer): Buffer {
  if (random.oneIn(3)) return mutateText(input, random, other)
  const values = [...input.toString('utf8').matchAll(/"(?:[^"\\]|\\.)*"(?!\s*:)|\b\d+\b/g)]
  const chosen = values[random.below(values.length)]
  if (chosen === undefined) return mutateText(input, random, other)
  const text = input.toString('utf8')
  const value = random.oneIn(2)
    ? random.pick(VALUES)
    : JSON.stringify(mutateBytes(Buffer.from(chosen[0].replaceAll('"', '')), random, other).toString('utf8'))
  return Buffer.from(text.slice(0, chosen.index) + value + text.slice(chosen.index + chosen[0].length))
}

/** What the REST API reads: bodies, and the values in them. */
const rest: Target = {
  name: 'rest',
  batch: 600,
  seeds: [
    BODY,
    { ...BODY, local_port: 'tap1', vni: 0, ip_address: '2001:db8::2', mac_address: '0200.0000.0101' },
    { vpn_instance_id: 'net1', vpn_type: 'ipvpn', mac_address: '020000000101', local_port: {} },
    { ...BODY, vpn_type: 'ipvpn', local_port: { evpn: { id: 'net1' } } },
    ...[...BODY.import_rt, BODY.ip_address, BODY.gateway_ip, BODY.mac_address, '10.0.0.1:7'].map(
      (value) => value,
    ),
  ].map((body) => Buffer.from(JSON.stringify(body))),
  mutate: mutateJson,
  run(input) {
    const body = refusable([SyntaxError], () => JSON.parse(input.toString('utf8')) as unknown)
    if (typeof body === 'string') checkValues(body)
    refusable([RequestError], () => parseAttach(body))
    refusable([RequestError], () => parseDetach(body))
  },
}

/** What a parser takes, its formatter shows in a way that the parser takes for the same. */
function checkValues(text: string): void {
  const same = <T>(parse: (from: string) => T | undefined, format: (value: T) => string): void => {
    const value = parse(text)
    if (value !== undefined && parse(format(value)) !== value)
      throw new Broken(`${JSON.stringify(text)} is shown as ${JSON.stringify(format(value))}`)
  }
  same(parseIp, formatIp)
  same(parseMac, formatMac)
  same(parseRd, formatRd)
  parseInterfaceAddress(text)
  parseRouteTarget(text)
}

const options = [...optionsOf(configSchema(INTERFACES))].map(
  ([section, known]) => [section, [...known.keys()]] as const,
)
const lines = options.flatMap(([section, known]) => [`[${section}]`, ...known.map((name) => `${name} = 1`)])
const CONFIG = '[BGP]\nlocal_address = 192.0.2.1\nmy_as = 64512\npeers = 192.0.2.9, 2001:db8::9\n'

/** Configuration files. */
const config: Target = {
  name: 'config',
  batch: 40,
  seeds: [
    CONFIG,
    `${CONFIG}[API]\nhost: "::1"\n# comment\n; another\nport = \n 8082\n[privsep]\nuser = x\n`,
    ...options.map(
      ([section, known]) => `${CONFIG}[${section}]\n${known.map((name) => `${name} = 1\n`).join('')}`,
    ),
  ].map((text) => Buffer.from(text)),
  mutate(input, random, other) {
    if (random.oneIn(2)) return mutateText(input, random, other)
    const text = input.toString('utf8').split('\n')
    text.splice(random.below(text.length), random.below(2), random.pick(lines))
    return Buffer.from(text.join('\n'))
  },
  run(input) {
    refusable([ConfigError], () => interpret(parseIni(input.toString('utf8'), 'bgp.conf'), INTERFACES))
  },
}

/** Text that people and programs write. */
export const textTargets: readonly Target[] = [rest, config]
