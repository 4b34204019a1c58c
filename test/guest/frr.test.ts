import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LabDaemon } from '../../src/lab/chanter.ts'
import { Frr } from '../support/frr.ts'
import { session } from '../support/interop.ts'
import { AS, attach, type Customer, detach, Fleet } from './fleet.ts'
import { ip, runIn, setSysctl } from './network.ts'

const PE1 = '10.77.0.11'
const FRR = '10.77.0.12'
const FRR_AS = 64513
const FRR_SUBNETS = ['10.0.2.0/24', '2001:db8:2::/64']
const OURS = ['10.0.1.1/32', '2001:db8:1::1/128']

/** Of another AS: FRR takes next hops of its own AS only with a label to them, which LDP would have to distribute. */
const BGPD = `interface core
 mpls bgp forwarding
router bgp ${FRR_AS}
 bgp router-id ${FRR}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 neighbor ${PE1} remote-as ${AS}
 neighbor ${PE1} timers connect 1
 address-family ipv4 vpn
  neighbor ${PE1} activate
 exit-address-family
 address-family ipv6 vpn
  neighbor ${PE1} activate
 exit-address-family
router bgp ${FRR_AS} vrf red
 bgp router-id ${FRR}
${['ipv4', 'ipv6'].map(exported).join('')}`

function exported(family: string): string {
  return ` address-family ${family} unicast
  redistribute connected
  label vpn export auto
  rd vpn export ${FRR_AS}:12
  rt vpn both ${AS}:10
  export vpn
  import vpn
 exit-address-family
`
}

let fleet: Fleet
let frr: Frr
let one: LabDaemon
let vm1: Customer
let ce2: Customer

beforeAll(async () => {
  fleet = new Fleet('10.77.0.')
  const pe1 = fleet.addHost('pe1', 11)
  const pe2 = fleet.addHost('pe2', 12)
  vm1 = fleet.addCustomer(pe1, 1, 1)
  ce2 = fleet.addCustomer(pe2, 2, 2)
  for (const [name, value] of [
    ['ipv4/ip_forward', 1],
    ['ipv6/conf/all/forwarding', 1],
    ['mpls/platform_labels', 1000],
    ['mpls/conf/core/input', 1],
  ] as const)
    setSysctl(pe2.namespace, `net/${name}`, value)
  ip(
    pe2.namespace,
    'link add red up type vrf table 10',
    // by which FRR finds the IPv6 next hops of an IPv4 link on it
    'route add ::ffff:10.77.0.0/120 dev core',
    `link set ${ce2.port} master red`,
    ...ce2.subnets.map(({ address, gateway }) => {
      const [, length] = address.split('/')
      return `address add ${gateway}/${length} dev ${ce2.port}${gateway.includes(':') ? ' nodad' : ''}`
    }),
  )
  frr = await Frr.start(fleet.lab, pe2, BGPD)
  one = await fleet.startDaemon(pe1, [pe2], { BGP: { peer_as: FRR_AS, ebgp_policy: 'accept' } })
  await session(fleet.lab, one, FRR, true)
})

afterAll(() => fleet.lab.close())

/** The label that FRR's routes have: one for a whole VRF and address family. */
const labelOf = (shown: string) => /encap mpls\s+(\d+)/.exec(shown)?.[1]

const frrTable = (prefix: string) =>
  runIn(frr.host.namespace, `ip ${prefix.includes(':') ? '-6' : '-4'} route show table 10 ${prefix}`)

async function frrHas(prefix: string, there: boolean): Promise<void> {
  await fleet.lab.eventually(`FRR ${there ? 'has a way' : 'has no way'} to ${prefix}`, async () => {
    const shown = frrTable(prefix)
    return shown.includes('encap mpls') === there ? { value: shown } : { seen: shown || 'nothing' }
  })
}

test('VMs of chanter and the customer of an FRR VRF reach each other, IPv4 and IPv6', async () => {
  await attach(one, vm1, { imports: [`${AS}:10`], exports: [`${AS}:10`] })
  for (const prefix of FRR_SUBNETS) console.log((await fleet.waysTo(one.host, prefix, 1)).trim())
  for (const prefix of OURS) await frrHas(prefix, true)
  for (const prefix of OURS) console.log(`FRR: ${frrTable(prefix).trim()}`)
  await fleet.reaches(vm1, ce2)
  await fleet.reaches(ce2, vm1)
})

test('one label is for all that is in the VRF of FRR', async () => {
  ip(
    frr.host.namespace,
    'link add more up type dummy',
    'link set more master red',
    'address add 10.0.3.1/24 dev more',
  )
  const more = await fleet.waysTo(one.host, '10.0.3.0/24', 1)
  expect(labelOf(more)).toBe(labelOf(await fleet.waysTo(one.host, '10.0.2.0/24', 1)))
  await fleet.reachesAddress(vm1, '10.0.3.1')
})

test('a path is gone with its route, on either side', async () => {
  ip(frr.host.namespace, 'link del more')
  await fleet.waysTo(one.host, '10.0.3.0/24', 0)
  await detach(one, vm1)
  for (const prefix of OURS) await frrHas(prefix, false)
  await attach(one, vm1, { imports: [`${AS}:10`], exports: [`${AS}:10`] })
  for (const prefix of OURS) await frrHas(prefix, true)
  await fleet.reaches(ce2, vm1)
})

test('route targets decide on either side', async () => {
  await attach(one, vm1, { imports: [`${AS}:11`], exports: [`${AS}:10`] })
  for (const prefix of FRR_SUBNETS) await fleet.waysTo(one.host, prefix, 0)
  await attach(one, vm1, { imports: [`${AS}:10`], exports: [`${AS}:11`] })
  for (const prefix of FRR_SUBNETS) await fleet.waysTo(one.host, prefix, 1)
  for (const prefix of OURS) await frrHas(prefix, false)
  await attach(one, vm1, { imports: [`${AS}:10`], exports: [`${AS}:11`, `${AS}:10`] })
  for (const prefix of OURS) await frrHas(prefix, true)
  await fleet.reaches(vm1, ce2)
})
