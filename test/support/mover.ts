import { writeFileSync } from 'node:fs'
import * as k from '../../src/dataplane/linux/constants.ts'
import { ifinfomsg } from '../../src/dataplane/linux/encode.ts'
import { Requests } from '../../src/dataplane/linux/requests.ts'
import { run } from '../../src/lab/command.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { enterNamespace } from '../../src/lab/namespace.ts'
import type { LabHost, Vm } from '../../src/lab/network.ts'
import { formatMac } from '../../src/values/mac.ts'

/** A VM in one of its places: `device` is what it uses when it is there. */
export interface VmPort {
  readonly vm: Vm
  readonly device: string
}

/** Gives a VM a second place, `tap-moved` of another node; it goes on using the first. */
export async function addVmPort(vm: Vm, node: LabHost): Promise<readonly [VmPort, VmPort]> {
  const moved = { ...vm, port: 'tap-moved' }
  await run(
    'ip',
    ...['link', 'add', 'name', 'moved', 'netns', vm.namespace, 'type', 'veth'],
    ...['peer', 'name', moved.port, 'netns', node.namespace],
  )
  await run('ip', '-n', node.namespace, 'link', 'set', moved.port, 'up')
  await run('ip', '-n', vm.namespace, 'link', 'set', 'moved', 'address', formatMac(vm.mac), 'mtu', '1450')
  return [
    { vm, device: 'eth0' },
    { vm: moved, device: 'moved' },
  ]
}

/**
 * The VM sends nothing until it runs on: a node that still has it in its table may ask at any time whether
 * it is there, and to its old node an answer would mean that it has not left.
 */
export const pause = (lab: Lab, { vm, device }: VmPort) =>
  lab.exec(vm.namespace, 'ip', 'link', 'set', device, 'arp', 'off')

/** The VM is in one place no longer, and runs on in the other. */
export async function resume(lab: Lab, { vm, device: from }: VmPort, { device: to }: VmPort): Promise<void> {
  const { namespace, address } = vm
  const script = [
    `link set ${from} down arp on`,
    `addr flush dev ${from}`,
    `link set ${to} up`,
    `addr add ${address} dev ${to}`,
  ]
  await lab.exec(
    namespace,
    'sh',
    '-ec',
    `ip link set ${to} up; printf '%s\\n' ${script.map((line) => `'${line}'`).join(' ')} | ip -batch -`,
  )
}

/** Moves a VM between its places within a fraction of a millisecond, its address with it. The VM speaks where it arrives. */
export class QuickMover {
  private readonly requests: Requests

  /** The VM is in the first of the places. */
  static async start(places: readonly VmPort[]): Promise<QuickMover> {
    const [{ vm }] = places as [VmPort]
    for (const { device } of places.slice(1))
      await run('ip', '-n', vm.namespace, 'addr', 'add', vm.address, 'dev', device)
    const leave = enterNamespace(vm.namespace)
    try {
      for (const { device } of places) writeFileSync(`/proc/sys/net/ipv4/conf/${device}/arp_notify`, '1')
      return new QuickMover()
    } finally {
      leave()
    }
  }

  private constructor() {
    this.requests = new Requests()
  }

  move({ device: from }: VmPort, { device: to }: VmPort): void {
    this.set(from, false)
    this.set(to, true)
    for (const { text } of this.requests.send().values()) throw new Error(`${from} to ${to}: ${text}`)
  }

  close(): void {
    this.requests.close()
  }

  private set(device: string, up: boolean): void {
    this.requests.begin(k.RTM_NEWLINK, 0)
    ifinfomsg(this.requests.writer, { family: k.AF_UNSPEC, index: 0, up })
    this.requests.writer.attributeText(k.IFLA_IFNAME, device)
    this.requests.end()
  }
}
