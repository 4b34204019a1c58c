import { expect } from 'vitest'
import { EVPN } from '../../../src/bgp/family.ts'
import { type EvpnRoute, evpn } from '../../../src/bgp/nlri/evpn/index.ts'
import { until } from '../../support/until.ts'
import { attribute, TARGET, TYPE3, update, WELL_KNOWN } from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { attributeErrors } from './attribute-cases.ts'
import { capabilityCases } from './capability-cases.ts'
import { type Case, scene } from './cases.ts'
import { framingErrors } from './framing-cases.ts'
import { oddUpdates } from './odd-cases.ts'
import { routes } from './route-cases.ts'
import { advertiseGood, besides, evpnReach, reach, route } from './update-parts.ts'

/** What only a reflector has to do; its cluster is 10.9.9.9. */
export const reflections: readonly Case[] = [
  scene('4456 §8: our own cluster in CLUSTER_LIST → the route is gone', async (field) => {
    const { peer } = await advertiseGood(field, {})
    peer.send(update(besides(attribute(0x80, 10, '0a0000010a090909'))))
    await field.taken(peer)
    expect(field.routesFrom()).toEqual([])
  }),
  scene(
    '7606 §5.4: an EVPN route of type 99, and one of type 3 → only the latter reflected',
    async (field) => {
      const client = await field.at('Established', HOST.client)
      // the victim asks for the same, so that the bystander is sent nothing
      client.send(update(reach(1, 132, '0a000001', `600000fc000002fc000000000a`) + WELL_KNOWN))
      const peer = await field.at('Established')
      peer.send(update(evpnReach(route(99, 'abcd') + TYPE3) + WELL_KNOWN + TARGET))
      await field.taken(peer)
      const received = (): string =>
        client
          .of('update')
          .flatMap(({ update }) => update.reach.filter(({ family }) => family === EVPN))
          .flatMap(({ nlri }) => nlri)
          .map((one) => evpn.format(one as EvpnRoute))
          .join('\n')
      await until('the good route to be reflected', () => received().includes('evpn:multicast::10.0.0.1:7'))
      expect(received()).not.toContain('type-99')
    },
  ),
]

/** RFC 4271 §6.3, 7606 and all RFCs that add attributes and families to them. */
export const updates: readonly Case[] = [
  ...attributeErrors,
  ...framingErrors,
  ...routes,
  ...oddUpdates,
  ...capabilityCases,
]
