import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LabHost } from '../../src/lab/network.ts'
import { addCable, ip, runIn, setSysctl } from './network.ts'
import { addressesOf, RED, TwoNodes } from './two-nodes.ts'

let nodes: TwoNodes
let router: string

/** Between the two nodes is a router, with external label-switched paths: labels are 1000 and the node's number. */
beforeAll(async () => {
  const build = (hosts: readonly LabHost[]) => {
    router = 'router'
    runIn(hosts[0]!.namespace, `ip netns add ${router}`)
    setSysctl(router, 'net/mpls/platform_labels', 10_000)
    for (const [i, host] of hosts.entries()) join(host, i + 1)
  }
  nodes = new TwoNodes('core', [1, 2], { join: build })
  for (const [i, { namespace }] of nodes.hosts.entries()) path(namespace, i + 1, 1000)
  await nodes.start()
  for (const n of [1, 2]) await nodes.attach(n, RED)
})

afterAll(() => {
  nodes.close()
  runIn(router, `ip netns delete ${router}`)
})

function join({ namespace }: LabHost, n: number): void {
  addCable([namespace, 'core'], [router, `to${n}`])
  ip(router, `address add 10.0.${n}.254/24 dev to${n}`)
  setSysctl(router, `net/mpls/conf/to${n}/input`, 1)
}

/** Has a node reach the other by a label, which the router takes off. */
function path(namespace: string, n: number, first: number): void {
  const other = 3 - n
  runIn(router, `ip -f mpls route replace ${first + other} via inet 10.0.${other}.1 dev to${other}`)
  ip(
    namespace,
    `route replace 10.0.${n}.254/32 dev core`,
    `route replace 10.0.${other}.1/32 encap mpls ${first + other} via 10.0.${n}.254 dev core src 10.0.${n}.1`,
  )
}

test('a provider edge is reached by the label-switched path of the main table', async () => {
  await nodes.reaches(1, addressesOf(2).ipv4)
  await nodes.reaches(2, addressesOf(1).ipv6)
  const { namespace } = nodes.hostOf(1)
  expect(runIn(namespace, 'ip route show table 1001')).toMatch(
    /192.168.10.2 .*encap mpls {2}?1002\/\d+ via 10.0.1.254/,
  )
})

test('and by another one soon after the main table has it', async () => {
  for (const [i, { namespace }] of nodes.hosts.entries()) path(namespace, i + 1, 2000)
  for (const label of [1001, 1002]) runIn(router, `ip -f mpls route del ${label}`)
  await nodes.reaches(1, addressesOf(2).ipv4)
  await nodes.reaches(2, addressesOf(1).ipv6)
})
