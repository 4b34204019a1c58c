import { beforeEach, expect, test } from 'vitest'
import { VPNV4 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { rdNumbersOf } from '../../src/vpn/attachments.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { IN_VRF, mac } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, rt } from '../support/speakers.ts'
import { clock, node, wanted } from './service-setup.ts'

/** The kernel refuses routes, so many of them. */
const refuseRoutes = (times = 1) =>
  node.driver.fail((op, { kind }) => op === 'set' && kind === 'route', refusal('ENOBUFS', 'no room'), times)

/** All that agents, peers and the kernel see of the instance. */
function snapshot(): unknown {
  clock.advance(200_000)
  const instances = node.vpns.snapshot().instances.map(({ attachments, ...instance }) => ({
    ...instance,
    attachments: [...attachments].sort((a, b) => a.mac - b.mac),
  }))
  const advertisedRoutes = [...node.speaker.rib.ownRoutes(VPNV4)].map(
    ({ nlri, set }) => `${nlriCodec(VPNV4)!.format(nlri)} ${set.routeTargets.join()}`,
  )
  return { instances, advertisedRoutes, wanted: wanted(node), labels: [...node.vpns.labels.entries()] }
}

const others: Partial<AttachRequest> = {
  importTargets: [rt('64512:20')],
  exportTargets: [rt('64512:30')],
  readvertise: { from: [rt('64512:40')], to: [rt('64512:50')] },
  fallback: { src_ingress_ip: '192.0.2.1' },
  instanceDescription: 'another',
  gatewayIp: ip('192.168.20.253'),
}

beforeEach(() => void node.withPorts('mpls0'))

const FIRST = { ...IN_VRF, ip: null }
/** It gets a number when the instance re-advertises. */
const THIRD = { ...IN_VRF, port: 'tap3', mac: mac('02:00:00:00:01:03') }
const second = { ...IN_VRF, ...others, ip: { ...IN_VRF.ip, ip: ip('192.168.20.2') } }

test.each([
  ['a further endpoint', { ...second, port: 'tap2', mac: mac('02:00:00:00:01:02') }],
  ['the first address of an endpoint', second],
])(
  'an attach of %s that changes the instance and is refused for its route changes nothing',
  async (_, request) => {
    await node.attach(FIRST)
    await node.attach(THIRD)
    const before = snapshot()
    refuseRoutes()
    await expect(node.attach(request)).rejects.toThrow('ENOBUFS: no room')
    expect(snapshot()).toEqual(before)
    expect(node.isInStep).toBe(true)
    await node.attach(request)
    expect(node.isInStep).toBe(true)
    expect(snapshot()).not.toEqual(before)
  },
)

test('the first attach of an instance, refused for its route, leaves nothing', async () => {
  const before = snapshot()
  refuseRoutes()
  await expect(node.attach(IN_VRF)).rejects.toThrow('ENOBUFS: no room')
  expect(snapshot()).toEqual(before)
})

/** Numbers of route distinguishers that were taken, and are neither in use nor free to be used again. */
function lostNumbers(): number[] {
  const { instances, numbers } = node.vpns.snapshot()
  const { next, freed } = numbers!.rds
  const known = new Set([
    ...freed.map(({ number }) => number),
    ...instances.flatMap(({ rdNumber, attachments }) => [rdNumber, ...attachments.flatMap(rdNumbersOf)]),
  ])
  return Array.from({ length: next - 1 }, (_, i) => i + 1).filter((number) => !known.has(number))
}

test.each([
  ['of a further endpoint', FIRST, { ...second, port: 'tap2', mac: mac('02:00:00:00:01:02') }],
  ['of the first address of an endpoint', FIRST, second],
  ['of an endpoint once more', { ...second, readvertise: null, direction: 'from-port' as const }, second],
])('an attach %s that is refused for its route loses no number', async (_, present, request) => {
  await node.attach(present)
  refuseRoutes()
  await expect(node.attach({ ...request, advertiseSubnet: true })).rejects.toThrow('ENOBUFS: no room')
  expect(lostNumbers()).toEqual([])
  await node.attach({ ...request, advertiseSubnet: true })
  await node.attach({ ...request, advertiseSubnet: false })
  expect(lostNumbers()).toEqual([])
})
