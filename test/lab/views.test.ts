import { expect, test } from 'vitest'
import { learntMac, learntRoutes, sessionState } from '../../src/lab/views.ts'
import { parseMac } from '../../src/values/mac.ts'
import { serve } from '../support/http.ts'

const from = (id: string) => ({ href: `http://10.77.0.11:8082/looking-glass/bgp/workers/${id}`, id })

const route = (source: string, nextHop: string) => ({
  'afi-safi': 'l2vpn/evpn',
  attributes: { 'extended-community': '[ target:64512:10 encap:VXLAN ]', 'local-preference': '100' },
  next_hop: nextHop,
  route_targets: ['target:64512:10'],
  source: from(source),
})

const LOCAL = 'evpn:macadv::10.77.0.11:14:-:0:02:00:00:00:01:01/48:192.168.10.1: label 6 (100)'
const REMOTE = 'evpn:macadv::10.77.0.12:14:-:0:02:00:00:00:01:0A/48:192.168.10.2: label 6 (100)'

/** Answers as bagpipe-bgp's looking glass gives them. */
const ANSWERS: Record<string, unknown> = {
  '/looking-glass/bgp/peers': [
    {
      href: 'http://10.77.0.11:8082/looking-glass/bgp/peers/10.77.0.1',
      id: '10.77.0.1',
      state: 'Established',
    },
  ],
  '/looking-glass/bgp/routes': {
    'ipv4/mpls-vpn,*': [],
    'l2vpn/evpn,*': [
      { [LOCAL]: route('EVI-1', '10.77.0.11') },
      { [REMOTE]: route('BGP-10.77.0.1', '10.77.0.12') },
    ],
  },
}

function lookingGlass() {
  return serve(({ url = '' }) => ({ body: JSON.stringify(ANSWERS[url]) }))
}

test('the state of a session', async () => {
  const api = await lookingGlass()
  expect(await sessionState(api, '10.77.0.1')).toBe('Established')
  expect(await sessionState(api, '10.77.0.2')).toBeUndefined()
})

test('the routes that peers sent', async () => {
  const api = await lookingGlass()
  expect(await learntRoutes(api)).toEqual([{ nlri: REMOTE, ...route('BGP-10.77.0.1', '10.77.0.12') }])
  expect(await learntMac(api, parseMac('02:00:00:00:01:0a') ?? 0)).toMatchObject({ next_hop: '10.77.0.12' })
  expect(await learntMac(api, parseMac('02:00:00:00:01:01') ?? 0)).toBeUndefined()
})
