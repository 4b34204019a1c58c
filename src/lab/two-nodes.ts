import { parseMac } from '../values/mac.ts'
import { type DaemonSettings, type LabDaemon, startChanter, startChanterReflector } from './chanter.ts'
import { startGobgp } from './gobgp.ts'
import type { Lab } from './lab.ts'
import { addNode, addReflector, addVm, type LabHost, type Vm } from './network.ts'
import type { LabProcess } from './process.ts'

export const AS = 64512

export interface LabSite {
  readonly host: LabHost
  readonly vm: Vm
}

/** A reflector and two nodes with a VM each, before anything runs on them. */
export interface TwoNodes {
  readonly reflector: LabHost
  readonly sites: readonly [LabSite, LabSite]
}

/** The VPN of the demo and of the interop tests. */
export async function buildTwoNodes(lab: Lab): Promise<TwoNodes> {
  const reflector = await addReflector(lab, '10.77.0.1')
  const site = async (number: number): Promise<LabSite> => {
    const host = await addNode(lab, reflector, `node${number}`, `10.77.0.${10 + number}`)
    const mac = parseMac(`02:00:00:00:01:0${number}`) as number
    return { host, vm: await addVm(lab, host, `vm${number}`, mac, `192.168.10.${number}/24`) }
  }
  return { reflector, sites: [await site(1), await site(2)] }
}

export const REFLECTORS = ['chanter', 'gobgp'] as const
export type ReflectorKind = (typeof REFLECTORS)[number]

/** Starts a route reflector for both nodes; resolves when it answers. */
export function startReflector(
  lab: Lab,
  { reflector, sites }: TwoNodes,
  kind: ReflectorKind,
): Promise<LabProcess> {
  const clients = sites.map(({ host }) => host)
  return kind === 'gobgp'
    ? startGobgp(lab, reflector, AS, clients)
    : startChanterReflector(lab, reflector, AS)
}

/** Starts a daemon on a node, with the reflector as its peer. */
export function startNode(
  lab: Lab,
  { reflector }: TwoNodes,
  { host }: LabSite,
  settings: DaemonSettings = {},
): Promise<LabDaemon> {
  const BGP = { peers: reflector.address, my_as: AS, ...settings['BGP'] }
  return startChanter(lab, host, { ...settings, BGP })
}
