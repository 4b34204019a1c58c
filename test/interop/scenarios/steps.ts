import { HAS_MPLS } from './daemons.ts'
import { type Node, nodeOf, type Stage, type Step, vmOf } from './scenario.ts'

/** An instance of a VPN as its agents know it: the options of `chanter attach` besides the endpoint. */
export type Vpn = readonly string[]

export const NET1: Vpn = [
  ...['--vpn-type', 'evpn', '--vpn-instance-id', 'net1', '--rt', '64512:10', '--vni', '100'],
]
export const NET2: Vpn = [
  ...['--vpn-type', 'evpn', '--vpn-instance-id', 'net2', '--rt', '64512:20', '--vni', '200'],
]
export const RED: Vpn = ['--vpn-type', 'ipvpn', '--vpn-instance-id', 'red', '--rt', '64512:20']

/** The session of a chanter with another node is established. */
export function established(node: string, peer: string, withinSeconds?: number): Step {
  const title = `${node} has a session with ${peer}`
  return {
    title,
    async run(stage) {
      const { address } = nodeOf(stage, peer)
      const look = async () => {
        const output = await stage.by(node, 'chanter', 'looking-glass', 'bgp', 'peers', '--json')
        const peers: { id: string; state: string }[] = JSON.parse(output)
        const state = peers.find(({ id }) => id === address)?.state
        return state === 'Established' ? { value: state } : { seen: `${state}` }
      }
      await stage.eventually(title, look, withinSeconds)
    },
  }
}

/** A VM is attached to a VPN, with each of its addresses. */
export function attach(vm: string, vpn: Vpn = NET1): Step {
  return { title: `${vm} is attached`, run: (stage) => ask(stage, 'attach', vm, vpn) }
}

export function detach(vm: string, vpn: Vpn = NET1): Step {
  return { title: `${vm} is detached`, run: (stage) => ask(stage, 'detach', vm, vpn) }
}

async function ask(stage: Stage, what: 'attach' | 'detach', name: string, vpn: Vpn): Promise<void> {
  const { node, mac, addresses, gateways = [] } = vmOf(stage, name)
  const asker = askerOf(stage, node)
  for (const [i, address] of addresses.entries()) {
    const gateway = gateways[i] === undefined ? [] : ['--gateway-ip', gateways[i]]
    const endpoint = ['--port', `tap-${name}`, '--mac', mac, '--ip', address, ...gateway]
    await stage.by(asker.node, 'chanter', what, ...asker.options, ...vpn, ...endpoint)
  }
}

/** Where `chanter attach` is typed: on the node itself, or for a node without chanter on one that has it. */
function askerOf(stage: Stage, name: string): { node: string; options: readonly string[] } {
  const isChanter = (node: Node) => node.daemon('').image === 'chanter'
  const node = nodeOf(stage, name)
  if (isChanter(node)) return { node: name, options: [] }
  const [other] = Object.entries(stage.scenario.nodes).find(([, candidate]) => isChanter(candidate)) ?? []
  if (other === undefined) throw new TypeError('no node has chanter')
  return { node: other, options: ['--server', node.address] }
}

/** One VM comes to reach the other at all its addresses, and then loses nothing. */
export function reaches(from: string, to: string, withinSeconds?: number): Step {
  const title = `${from} reaches ${to}`
  return {
    title,
    async run(stage) {
      for (const address of addressesOf(stage, to)) {
        const look = async () => ({ value: await stage.on(from, 'ping', '-c', '1', '-W', '1', address) })
        await stage.eventually(`${title} at ${address}`, look, withinSeconds)
        await stage.on(from, 'ping', '-c', '3', '-i', '0.2', '-W', '2', address)
      }
    },
  }
}

/** One VM comes to get no answer from the other. */
export function loses(from: string, to: string): Step {
  const title = `${from} no longer reaches ${to}`
  return {
    title,
    async run(stage) {
      const [address = ''] = addressesOf(stage, to)
      await stage.eventually(title, async () =>
        stage.on(from, 'ping', '-c', '1', '-W', '1', address).then(
          (seen) => ({ seen }),
          (error: Error) => ({ value: error.message }),
        ),
      )
    },
  }
}

export function stop(node: string): Step {
  return { title: `the daemon of ${node} is stopped`, run: (stage) => stage.stop(node, 'stopped') }
}

export function kill(node: string): Step {
  return { title: `the daemon of ${node} is killed`, run: (stage) => stage.stop(node, 'killed') }
}

export function start(node: string): Step {
  return { title: `and started again`, run: (stage) => stage.start(node) }
}

/** The routes of a node's daemon come to include these texts, and none of the others. */
export function learns(node: string, texts: readonly string[], others: readonly string[] = []): Step {
  const parts = [...texts.map((text) => `routes for ${text}`), ...others.map((text) => `none for ${text}`)]
  const title = `${node} has ${parts.join(', ')}`
  return {
    title,
    async run(stage) {
      await stage.eventually(title, async () => {
        const seen = (await stage.by(node, 'chanter', 'looking-glass', 'bgp', 'routes')).toLowerCase()
        const fits = texts.every((text) => seen.includes(text)) && !others.some((text) => seen.includes(text))
        return fits ? { value: seen } : { seen }
      })
    },
  }
}

/** A command of a node prints something that matches; it is asked until it does. FRR's `show …` is asked of its vtysh. */
export function shows(node: string, command: string, pattern: RegExp): Step {
  const title = `${node}: ${command} shows ${pattern.source}`
  return {
    title,
    async run(stage) {
      await stage.eventually(title, async () => {
        const vtysh = ['vtysh', '--vty_socket', `${stage.directory}/${node}`, '-c', command]
        const words = command.startsWith('show ') ? vtysh : command.split(' ')
        const seen = await stage.by(node, ...words)
        return pattern.test(seen) ? { value: seen } : { seen }
      })
    },
  }
}

/** Commands in the network of a node, such as those that make its devices. */
export function configure(node: string, ...commands: readonly string[]): Step {
  return {
    title: `${node} is set up: ${commands.length} commands`,
    async run(stage) {
      for (const command of commands) await stage.on(node, ...command.split(' '))
    },
  }
}

/** The VM goes from one place to the other, which have the same addresses; it speaks where it arrives. */
export function move(from: string, to: string, vpn: Vpn = NET1): Step {
  return {
    title: `${from} migrates to ${to}`,
    async run(stage) {
      await leave(stage, from)
      await arrive(stage, to)
      await ask(stage, 'attach', to, vpn)
      await ask(stage, 'detach', from, vpn)
    },
  }
}

/** The VM is not there yet. */
export function park(vm: string): Step {
  return { title: `${vm} is not there yet`, run: (stage) => leave(stage, vm) }
}

async function leave(stage: Stage, vm: string): Promise<void> {
  await stage.on(vm, 'ip', 'link', 'set', 'eth0', 'down')
}

async function arrive(stage: Stage, vm: string): Promise<void> {
  await stage.on(vm, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_notify || true')
  await stage.on(vm, 'ip', 'link', 'set', 'eth0', 'up')
}

/** 50 packets a second from one VM to another and back while the steps are played; no more than `most` may be lost. */
export function whileFlowing(from: string, to: string, most: number, steps: readonly Step[]): Step {
  return {
    title: `packets from ${from} to ${to}, at most ${most} lost, while ${steps.map(({ title }) => title).join(', ')}`,
    async run(stage) {
      const [address = ''] = addressesOf(stage, to)
      const output = `${stage.directory}/flow-${from}`
      const ping = `ping -i 0.02 -q ${address} >${output} 2>&1 & echo $!`
      const pid = (await stage.on(from, 'sh', '-c', ping)).trim()
      try {
        for (const step of steps) await step.run(stage)
      } finally {
        await stage.on(
          from,
          'sh',
          '-c',
          `kill -INT ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.05; done`,
        )
      }
      const summary = await stage.on(from, 'cat', output)
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(summary) ?? []
      if (sent === undefined) throw new Error(`no summary of ping: ${summary}`)
      const lost = Number(sent) - Number(received)
      stage.flows.sent += Number(sent)
      stage.flows.lost += lost
      if (lost > most) throw new Error(`${lost} of ${sent} packets lost, no more than ${most} may be`)
    },
  }
}

/** Steps that need a kernel that forwards labelled packets; elsewhere only routes are compared. */
export function withMpls(...steps: readonly Step[]): readonly Step[] {
  return HAS_MPLS ? steps : []
}

function addressesOf(stage: Stage, vm: string): string[] {
  return vmOf(stage, vm).addresses.map((address) => address.split('/')[0] ?? '')
}
