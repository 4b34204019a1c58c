import type { Fault } from '../fault.ts'
import { bridgeOf, heldBy, vxlanOf } from '../kernel.ts'
import type { ChaosNode } from '../node.ts'
import { drawNetwork } from './devices.ts'

const STRANGE_MAC = '06:66:00:00:00:01'

interface NamedEntry {
  readonly program: 'ip' | 'bridge'
  /** The arguments that name it. */
  readonly words: readonly string[]
}

/** The daemon's entries. */
async function entriesOf(node: ChaosNode): Promise<NamedEntry[]> {
  return (await heldBy(node)).flatMap((line): NamedEntry[] => {
    const [, mac, device, place = ''] = /^mac (\S+) on (\S+) (.*), .*extern_learn/.exec(line) ?? []
    if (mac !== undefined) {
      const words = place.startsWith('to ') ? ['dst', place.split(' ')[1]!, 'self'] : ['master']
      return [{ program: 'bridge', words: [mac, 'dev', device!, ...words] }]
    }
    const [, ip, bridge] = /^neighbour (\S+) on (\S+),/.exec(line) ?? []
    return ip === undefined ? [] : [{ program: 'ip', words: [ip, 'dev', bridge!] }]
  })
}

export const entriesDeleted: Fault = {
  name: 'entries-deleted',
  weight: 3,
  async start(_world, node, random) {
    const gone = random.some(await entriesOf(node))
    for (const { program, words } of gone) {
      if (program === 'bridge') await node.bridge('fdb', 'del', ...words).catch(isGone)
      else await node.ip('neighbour', 'del', ...words).catch(isGone)
    }
    const [first] = gone
    return {
      what: `${gone.length} entries deleted, such as ${first?.words.join(' ')}`,
      costs: ['packets'],
    }
  },
}

export const entriesReplaced: Fault = {
  name: 'entries-replaced',
  weight: 2,
  async start(_world, node, random) {
    const all = (await entriesOf(node)).filter(
      ({ program, words }) => program === 'ip' || (words.includes('self') && !words[0]!.startsWith('00:')),
    )
    if (all.length === 0) return { what: 'there is no entry to replace' }
    const { program, words } = random.pick(all)
    const [key = '', , device = ''] = words
    if (program === 'ip')
      await node.ip('neighbour', 'replace', key, 'lladdr', STRANGE_MAC, 'dev', device, 'extern_learn')
    else await node.bridge('fdb', 'replace', key, 'dev', device, 'dst', '10.77.0.99', 'self', 'extern_learn')
    return { what: `${key} on ${device} sent elsewhere`, costs: ['packets'] }
  },
}

export const strangeEntries: Fault = {
  name: 'strange-entries',
  weight: 2,
  async start(world, node, random) {
    const network = drawNetwork(world, node, random)
    const mark = random.pick([[], ['extern_learn']])
    const added = random.some(strangers(bridgeOf(network), vxlanOf(network)))
    for (const words of added) await change(node, words, 'replace', mark)
    const isOurs = mark.length > 0
    return {
      what: `${added.map((words) => words.join(' ')).join(', ')} ${isOurs ? 'with our mark' : 'added, and removed'}`,
      lastsMs: random.between(0, 2000),
      ...(isOurs
        ? {}
        : { end: async () => forEach(added, (words) => change(node, words, 'del', []).catch(isGone)) }),
    }
  },
}

const strangers = (bridge: string, vxlan: string): string[][] => [
  ['bridge', STRANGE_MAC, 'dev', vxlan, 'dst', '10.77.0.99', 'self'],
  ['ip', '192.168.10.99', 'lladdr', STRANGE_MAC, 'dev', bridge, 'nud', 'noarp'],
]

async function change(
  node: ChaosNode,
  [program, ...words]: string[],
  how: 'replace' | 'del',
  mark: string[],
) {
  if (program === 'bridge') {
    await node.bridge('fdb', how, ...words, ...mark)
  } else await node.ip('neighbour', how, ...words, ...mark)
}

async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await act(item)
}

/** The agent may have moved a VM, or detached the last one of the network meanwhile, or the same fault may have ended twice. */
function isGone({ message }: Error): void {
  if (!/Cannot find device|No such device|No such file or directory/.test(message)) throw new Error(message)
}
