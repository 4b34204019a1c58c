import { run } from '../../lab/command.ts'
import { print } from '../print.ts'

/** What bagpipe-rest-attach makes for `--port netns`: a veth pair from this namespace into another. */
export interface NetnsPort {
  readonly netns: string
  /** The end here. */
  readonly port: string
  /** The end in the other namespace. */
  readonly inside: string
  /** Undefined for the one that the kernel chooses. */
  readonly mac: string | undefined
  /** With prefix length. */
  readonly ip: string
  readonly gateway: string | null
  /** The VLAN on the pair that is the interface; undefined for none. */
  readonly vlan: number | undefined
}

/** Of the end here, so that an Open vSwitch bridge with it can carry large packets. */
const PORT_MTU = '9000'
/** Of the interface inside: leaves room for any encapsulation. */
const INSIDE_MTU = '1420'
/** The end of the pair in the namespace, where a VLAN on it is the interface. */
const RAW = 'ns2vpn-raw'

/** Makes the namespace where it is missing, and the pair anew. Needs root. */
export async function makeNetnsPort({
  netns,
  port,
  inside,
  mac,
  ip,
  gateway,
  vlan,
}: NetnsPort): Promise<void> {
  await print(`Will plug local namespace ${netns} into network`)
  await tried('ip', 'netns', 'add', netns)
  const within = (...words: readonly string[]) => run('ip', '-n', netns, ...words)
  await makePair(netns, port, vlan === undefined ? inside : RAW)
  if (vlan !== undefined) {
    await within('link', 'add', 'link', RAW, 'name', inside, 'type', 'vlan', 'id', String(vlan))
    await within('link', 'set', inside, 'up')
  }
  if (mac !== undefined) await within('link', 'set', inside, 'address', mac)
  await tried('ip', '-n', netns, 'addr', 'add', ip, 'dev', inside)
  if (gateway !== null)
    await tried('ip', '-n', netns, 'route', 'add', 'default', 'dev', inside, 'via', gateway)
  await tried('ip', '-n', netns, 'link', 'set', inside, 'mtu', INSIDE_MTU)
}

async function makePair(netns: string, port: string, inside: string): Promise<void> {
  await tried('ip', '-n', netns, 'link', 'delete', inside)
  // a bridge that still has the port would take the new one too
  await tried('ovs-vsctl', 'del-port', port)
  await tried('ip', 'link', 'delete', port)
  const peer = ['peer', 'name', inside, 'netns', netns]
  await run('ip', 'link', 'add', port, 'mtu', PORT_MTU, 'type', 'veth', ...peer, 'mtu', PORT_MTU)
  await run('ip', 'link', 'set', 'dev', port, 'up')
  await run('ip', '-n', netns, 'link', 'set', 'dev', inside, 'up')
}

/** The MAC address of an interface in a namespace. */
export async function macInside(netns: string, inside: string): Promise<string> {
  const [link] = JSON.parse(await run('ip', '-n', netns, '-json', 'link', 'show', inside)) as {
    address: string
  }[]
  return link?.address ?? ''
}

/** For what need not succeed, such as removing what may not be there. */
export async function tried(program: string, ...words: readonly string[]): Promise<void> {
  await run(program, ...words).catch(() => undefined)
}
