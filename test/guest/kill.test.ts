import { afterAll, beforeAll, test } from 'vitest'
import { z } from 'zod'
import { Lab } from '../../src/lab/lab.ts'
import type { LabHost } from '../../src/lab/network.ts'
import { formatMac } from '../../src/values/mac.ts'
import { Tormented } from '../support/tormented.ts'
import { addCable, ip, runIn } from './network.ts'

/** More find more: each takes six seconds in the guest. */
const KILLS = Number(process.env['KILLS'] ?? 2)
const SEED = Number(process.env['SEED'] ?? 1)
const PORTS = 5
const VRFS = ['red', 'green', 'a VRF with a longer name']
const GATEWAYS = ['192.168.10.254', '2001:db8::ffff']
const MARK = 'chanter:'
const DEAD_END = 'dead end'

let lab: Lab
let host: LabHost

beforeAll(() => {
  lab = new Lab()
  host = { name: 'pe1', namespace: lab.addNamespace('pe1'), address: '10.0.0.1' }
  const vms = lab.addNamespace('vms')
  for (const port of ['core', ...Array.from({ length: PORTS }, (_, i) => `tap${i + 1}`)])
    addCable([host.namespace, port], [vms, port])
  ip(host.namespace, `address add ${host.address}/24 dev core`)
  lab.enter(host.namespace)
})

afterAll(() => lab.close())

const macOf = (port: number) => formatMac(0x020000000100 + port)
const addressesOf = (port: number) => [`192.168.10.${port}`, `2001:db8::${port}`]

const linksShown = z.array(
  z.object({
    ifname: z.string(),
    master: z.string().optional(),
    ifalias: z.string().default(''),
    linkinfo: z.object({ info_data: z.object({ table: z.number().optional() }).optional() }).optional(),
  }),
)
const routesShown = z.array(z.object({ dst: z.union([z.string(), z.number()]), dev: z.string().default('') }))
const addressesShown = z.array(
  z.object({
    ifname: z.string(),
    addr_info: z.array(z.object({ local: z.string(), scope: z.string() })),
  }),
)
const neighboursShown = z.array(z.object({ dst: z.string(), lladdr: z.string(), dev: z.string() }))

function shown<T>(schema: z.ZodType<T[]>, question: string): T[] {
  return schema.parse(JSON.parse(runIn(host.namespace, `ip -d -json ${question}`) || '[]'))
}

/** All that a VRF may have in the kernel, a line each. */
function kernel(): string[] {
  const lines: string[] = []
  const links = shown(linksShown, 'link')
  const names = new Map<string, string>()
  for (const { ifname, ifalias } of links)
    if (ifalias.startsWith(MARK)) names.set(ifname, ifalias.slice(MARK.length))
  for (const { ifname, master, linkinfo } of links) {
    if (master !== undefined) lines.push(`${ifname} in ${names.get(master)}`)
    const vrf = names.get(ifname)
    if (vrf === undefined || vrf === DEAD_END) continue
    lines.push(`VRF ${vrf}`)
    for (const family of ['-4', '-6'])
      for (const { dst, dev } of shown(
        routesShown,
        `${family} route show table ${linkinfo?.info_data?.table} proto 19`,
      ))
        if (dst !== 'default') lines.push(`${vrf}: ${dst} by ${dev}`)
  }
  for (const { dev } of shown(routesShown, '-f mpls route')) lines.push(`label by ${dev}`)
  for (const { ifname, addr_info } of shown(addressesShown, 'address'))
    for (const { local, scope } of addr_info)
      if (ifname.startsWith('tap') && scope === 'global') lines.push(`${local} on ${ifname}`)
  for (const { dst, lladdr, dev } of shown(neighboursShown, 'neigh show nud permanent'))
    lines.push(`${dst} is ${lladdr} on ${dev}`)
  return lines.sort()
}

/** All VRFs import each other. */
function due(wanted: ReadonlyMap<number, string | null>): string[] {
  const attached = [...wanted].filter(([, vrf]) => vrf !== null)
  const vrfs = new Set(attached.map(([, vrf]) => vrf))
  const lines = [...vrfs].map((vrf) => `VRF ${vrf}`)
  for (const [port, vrf] of attached) {
    const device = `tap${port}`
    lines.push(`${device} in ${vrf}`, `label by ${device}`)
    for (const gateway of GATEWAYS) lines.push(`${gateway} on ${device}`)
    for (const address of addressesOf(port)) {
      lines.push(`${address} is ${macOf(port)} on ${device}`)
      for (const each of vrfs) lines.push(`${each}: ${address} by ${device}`)
    }
  }
  return lines.sort()
}

test(`${KILLS} kills at random moments under load: each time the kernel is what the agent wants`, async () => {
  const tormented = new Tormented({
    lab,
    host,
    seed: SEED,
    ports: PORTS,
    networks: VRFS,
    settings: {
      BGP: { my_as: 64512 },
      DATAPLANE_DRIVER_IPVPN: { dataplane_driver: 'linux', mpls_interface: 'core' },
    },
    longest: 1500,
    requests: (port, vrf) =>
      addressesOf(port).map((address, i) => ({
        vpn_instance_id: vrf,
        vpn_type: 'ipvpn',
        import_rt: ['64512:10'],
        export_rt: ['64512:10'],
        mac_address: macOf(port),
        ip_address: `${address}/${i === 0 ? 24 : 64}`,
        gateway_ip: GATEWAYS[i],
        local_port: { linuxif: `tap${port}` },
      })),
    expectTruth: async (wanted, _daemon, when) => {
      await lab.eventually(`what its agent wants is held by ${when}`, async () => {
        const [seen, expected] = [kernel(), due(wanted)]
        return seen.join() === expected.join()
          ? { value: seen }
          : { seen: `${seen.join(', ')} instead of ${expected.join(', ')}` }
      })
    },
  })
  await tormented.endure(KILLS)
}, 900_000)
