import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { udp } from '../../support/frames.ts'
import { inWords } from '../../support/isolation/captures.ts'
import {
  CONFIGURATION,
  FORWARDED,
  GATEWAY_PATHS,
  NEIGHBOURS,
  PATHS,
  SERVICES,
} from '../../support/isolation/host-sendings.ts'
import { mplsInjections, vxlanInjections } from '../../support/isolation/injections.ts'
import { type Environment, harmOf, setReversePathFilter } from '../../support/isolation/matrix.ts'
import type { Family, Sending } from '../../support/isolation/vantage.ts'
import { setSysctl } from '../network.ts'
import { VrfLab } from './lab.ts'

/** To a VM of another tenant, by its own address. */
const BLUE = '10.0.1.3'

const MPLS = mplsInjections(({ vm, mark }) => udp({ from: vm.ipv4, to: BLUE }, 5000, 5000, mark))

/** What a VM sends; a row is a cell in each environment, over each underlay, with each `rp_filter`. */
const sendings = (family: Family): readonly Sending[] => [
  ...vxlanInjections(family),
  ...MPLS,
  ...PATHS,
  ...GATEWAY_PATHS,
  ...CONFIGURATION,
  ...SERVICES,
  ...NEIGHBOURS,
  ...FORWARDED,
]

const ENVIRONMENTS = ['VRF', 'IRB, by the gateway', 'IRB, by the bridge', 'detached port']
/** What a VRF takes to be for itself, such as what is for its gateways, is not harm. */
const KINDS = ['otherTenants', 'services', 'answers', 'underlay', 'changes'] as const

describe.each(['IPv4', 'IPv6'] as const)('over %s', (family) => {
  let lab: VrfLab
  const rows = sendings(family).map((sending) => [sending.name, sending] as const)
  let environments: Environment[]
  let cells = 0

  beforeAll(async () => {
    lab = new VrfLab(family)
    await lab.start()
    environments = lab.environments()
  })

  afterAll(() => {
    console.log(`over ${family}: ${cells} cells, ${cells / ENVIRONMENTS.length} in each environment`)
    lab.close()
  })

  async function expectNoHarm(sending: Sending, environment: Environment): Promise<void> {
    cells++
    const harm = await harmOf(sending, environment, lab.captures)
    if (harm.changes.length > 0) lab.recover()
    expect(inWords(harm, KINDS)).toBe('nothing')
  }

  describe.each([0, 2] as const)('with rp_filter %i', (filter) => {
    beforeAll(() => {
      for (const { namespace } of lab.hosts) setReversePathFilter(namespace, filter)
    })

    describe.each(ENVIRONMENTS)('%s', (name) => {
      test.each(rows)('%s', (_name, sending) =>
        expectNoHarm(sending, environments.find((one) => one.name === name)!),
      )
    })
  })

  describe('while the machine forwards', () => {
    beforeAll(() => {
      for (const { namespace } of lab.hosts) {
        setReversePathFilter(namespace, 0)
        setSysctl(namespace, 'net/ipv4/ip_forward', 1)
      }
      lab.captures.accept()
    })

    describe.each(ENVIRONMENTS)('%s', (name) => {
      test.each(FORWARDED.map((sending) => [sending.name, sending] as const))('%s', (_name, sending) =>
        expectNoHarm(sending, environments.find((one) => one.name === name)!),
      )
    })
  })

  describe('without protection', () => {
    let unprotected: Awaited<ReturnType<VrfLab['unprotected']>>

    beforeAll(async () => {
      unprotected = await lab.unprotected()
      lab.captures.accept()
    })

    const named = (sendings: readonly Sending[]) =>
      sendings.map((sending) => [sending.name, sending] as const)

    test.each(named(MPLS))('a port: %s', (_name, sending) => expectHarm(sending, unprotected.port))

    test.each(named(GATEWAY_PATHS))('a VRF: %s', (_name, sending) => expectHarm(sending, unprotected.vrf))

    async function expectHarm(sending: Sending, environment: Environment): Promise<void> {
      const harm = await harmOf(sending, environment, lab.captures)
      if (harm.changes.length > 0) lab.recover()
      const words = inWords(harm, ['otherTenants', 'changes'])
      if (sending.harmless === undefined) expect(words).not.toBe('nothing')
      else expect(words, sending.harmless).toBe('nothing')
    }
  })
})
