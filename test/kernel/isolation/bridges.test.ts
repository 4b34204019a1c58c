import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inWords } from '../../support/isolation/captures.ts'
import {
  CONFIGURATION,
  FORWARDED,
  LINK_PROTOCOLS,
  NEIGHBOURS,
  PATHS,
  SERVICES,
} from '../../support/isolation/host-sendings.ts'
import { vxlanInjections } from '../../support/isolation/injections.ts'
import {
  type Environment,
  harmOf,
  setForwarding,
  setReversePathFilter,
} from '../../support/isolation/matrix.ts'
import type { Family, Sending } from '../../support/isolation/vantage.ts'
import { BridgeLab } from './lab.ts'

/** What a VM sends; a row is a cell in each environment, over each underlay, with each `rp_filter`. */
const sendings = (family: Family): readonly Sending[] => [
  ...vxlanInjections(family),
  ...PATHS,
  ...CONFIGURATION,
  ...SERVICES,
  ...NEIGHBOURS,
  ...LINK_PROTOCOLS,
  ...FORWARDED,
]

const ENVIRONMENTS = ['own bridge', 'external bridge', 'detached port']

describe.each(['IPv4', 'IPv6'] as const)('over %s', (family) => {
  let lab: BridgeLab
  const rows = sendings(family).map((sending) => [sending.name, sending] as const)
  let environments: Environment[]
  let plain: Environment
  let cells = 0

  beforeAll(async () => {
    lab = new BridgeLab(family)
    await lab.start()
    environments = await lab.environments()
    plain = await lab.plainBridge()
  })

  afterAll(() => {
    console.log(`over ${family}: ${cells} cells, ${cells / ENVIRONMENTS.length} in each environment`)
    lab.close()
  })

  let isForwarding = false
  const setForwardingFor = ({ forwarding = false }: Sending) => {
    if (forwarding === isForwarding) return
    for (const { namespace } of lab.hosts) setForwarding(namespace, forwarding)
    lab.captures().accept()
    isForwarding = forwarding
  }

  describe.each([0, 2] as const)('with rp_filter %i', (filter) => {
    beforeAll(() => {
      for (const { namespace } of lab.hosts) setReversePathFilter(namespace, filter)
    })

    describe.each(ENVIRONMENTS)('%s', (name) => {
      test.each(rows)('%s', async (_name, sending) => {
        cells++
        setForwardingFor(sending)
        const environment = environments.find((one) => one.name === name)!
        const harm = await harmOf(sending, environment, lab.captures())
        if (harm.changes.length > 0) await lab.recover()
        expect(inWords(harm)).toBe('nothing')
      })
    })
  })

  describe('a bridge without protection', () => {
    beforeAll(() => {
      for (const { namespace } of lab.hosts) setReversePathFilter(namespace, 0)
    })

    test.each(rows)('%s', async (_name, sending) => {
      setForwardingFor(sending)
      const harm = await harmOf(sending, plain, lab.captures())
      if (harm.changes.length > 0) await lab.recover()
      if (sending.harmless === undefined) expect(inWords(harm)).not.toBe('nothing')
      else expect(inWords(harm), sending.harmless).toBe('nothing')
    })
  })
})
