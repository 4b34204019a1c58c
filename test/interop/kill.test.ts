import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, NoAnswer, request } from '../../src/client.ts'
import { type Daemon, startChanter } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, type Host } from '../../src/lab/network.ts'
import { fdb } from '../../src/lab/views.ts'
import { formatMac } from '../../src/values/mac.ts'
import { decodeState } from '../../src/vpn/state.ts'
import { Random } from '../sim/random.ts'

const KILLS = Number(process.env['KILLS'] ?? 200)
const SEED = Number(process.env['SEED'] ?? 1)
/** Two machines are tormented side by side. */
const MACHINES = 2
const PORTS = 6
const NETWORKS = ['net1', 'net2', 'a network with a longer name']

let lab: Lab
let reflector: Host

beforeAll(async () => {
  lab = new Lab()
  reflector = await addReflector(lab, '10.77.0.1')
})

afterAll(() => lab.close())

/** A machine whose daemon is killed again and again while its agent goes on asking. */
class Machine {
  readonly host: Host
  private readonly random: Random
  private daemon: Daemon | null = null
  /** What the agent wants of each port: the network it is in, or null. */
  private readonly wanted = new Map<number, string | null>()
  private readonly history: string[] = []

  constructor(host: Host, seed: number) {
    this.host = host
    this.random = new Random(seed)
  }

  async plug(): Promise<void> {
    for (let port = 1; port <= PORTS; port++) {
      const names = ['tap', 'far'].map((end) => `${end}${port}`) as [string, string]
      const { namespace } = this.host
      await run('ip', '-n', namespace, 'link', 'add', names[0], 'type', 'veth', 'peer', 'name', names[1])
      await run('ip', '-n', namespace, 'link', 'set', names[0], 'up')
    }
  }

  async torment(kills: number): Promise<void> {
    await this.start()
    for (let kill = 1; kill <= kills; kill++) {
      const dying = this.daemon!
      const load = this.load(dying)
      const pause = this.random.between(0, 120)
      await new Promise((resolve) => setTimeout(resolve, pause))
      await dying.process.stop('SIGKILL')
      await load
      this.history.push(`killed after ${pause} ms`)
      await this.start()
      await this.sayAgain()
      await this.expectTruth(`kill ${kill} (SEED=${SEED}): ${this.history.slice(-30).join(', ')}`)
    }
    await this.daemon!.process.stop('SIGTERM')
  }

  private async start(): Promise<void> {
    const BGP = { my_as: 64512, hold_time: 3 }
    this.daemon = await startChanter(lab, this.host, { BGP })
  }

  /** Attaches and detaches until the daemon no longer answers. */
  private async load(daemon: Daemon): Promise<void> {
    for (;;) {
      const port = this.random.between(1, PORTS)
      const now = this.wanted.get(port) ?? null
      const next = now === null ? this.random.pick(NETWORKS) : null
      this.history.push(`${port} to ${next ?? 'nowhere'}`)
      this.wanted.set(port, next)
      if (!(await this.ask(daemon, port, now, next))) return
    }
  }

  /** The agent asks again for what it was not told of. */
  private async sayAgain(): Promise<void> {
    for (const [port, network] of this.wanted) {
      for (const other of NETWORKS) if (other !== network) await this.ask(this.daemon!, port, other, null)
      if (network !== null) expect(await this.ask(this.daemon!, port, null, network)).toBe(true)
    }
  }

  /** False when the daemon did not answer. */
  private async ask({ api }: Daemon, port: number, from: string | null, to: string | null): Promise<boolean> {
    const body = {
      vpn_instance_id: to ?? from,
      vpn_type: 'evpn',
      import_rt: ['64512:10'],
      export_rt: ['64512:10'],
      mac_address: macOf(port),
      ip_address: `192.168.10.${port}/24`,
      local_port: { linuxif: `tap${port}` },
    }
    try {
      const { status, body: answer } = await request(
        api,
        to === null ? '/detach_localport' : '/attach_localport',
        body,
      )
      if (to !== null && status !== 200) throw new Error(`attach: ${status} ${answer}`)
      return true
    } catch (error) {
      if (error instanceof NoAnswer) return false
      throw error
    }
  }

  /** Kernel, state file and API hold what the agent wants, and nothing else. */
  private async expectTruth(when: string): Promise<void> {
    const networks = new Set([...this.wanted.values()].filter((network) => network !== null))
    await lab.eventually(
      `${this.host.name} holds what its agent wants after ${when}`,
      async () => {
        const seen = await this.kernel()
        const due = this.due(seen.suffixes)
        return JSON.stringify(seen.entries) === JSON.stringify(due)
          ? { value: seen }
          : { seen: `${JSON.stringify(seen.entries)} instead of ${JSON.stringify(due)}` }
      },
      20,
    )
    await lab.eventually('nothing is on its way any more', async () => {
      const { footprint, instances } = decodeState(
        readFileSync(join(lab.directory, `${this.host.name}.state`), 'utf8'),
      )
      const clean = footprint.length === 0 && instances.length === networks.size
      const numbers = instances.flatMap(({ rdNumber }) => rdNumber)
      const labels = instances.flatMap(({ attachments }) => attachments.map(({ label }) => label))
      expect(new Set(numbers).size).toBe(numbers.length)
      expect(new Set(labels).size).toBe(labels.length)
      return clean ? { value: true } : { seen: JSON.stringify({ footprint, instances: instances.length }) }
    })
    const shown = await fetchJson<unknown[]>(this.daemon!.api, '/looking-glass/vpns/instances')
    expect(shown).toHaveLength(networks.size)
  }

  /** What is in the kernel: our devices, the ports in them, the MAC addresses behind those. */
  private async kernel(): Promise<{ entries: string[]; suffixes: Map<string, string> }> {
    const links = JSON.parse(await run('ip', '-n', this.host.namespace, '-json', 'link')) as {
      ifname: string
      ifalias?: string
      master?: string
    }[]
    const suffixes = new Map<string, string>()
    const entries: string[] = []
    for (const { ifname, ifalias, master } of links) {
      if (ifalias?.startsWith('chanter:') && ifname.startsWith('evpn---'))
        suffixes.set(ifalias.slice('chanter:'.length), ifname.slice('evpn---'.length))
      if (/^(evpn---|vxlan--)/.test(ifname)) entries.push(`link ${ifname}`)
      if (master !== undefined) entries.push(`${ifname} in ${master}`)
    }
    for (const { mac, ifname, flags } of await fdb(this.host)) {
      if (flags.includes('extern_learn') && ifname.startsWith('tap')) entries.push(`${mac} on ${ifname}`)
    }
    return { entries: entries.sort(), suffixes }
  }

  private due(suffixes: ReadonlyMap<string, string>): string[] {
    const due: string[] = []
    const networks = new Set<string>()
    for (const [port, network] of this.wanted) {
      if (network === null) continue
      networks.add(network)
      due.push(`tap${port} in evpn---${suffixes.get(network)}`, `${macOf(port)} on tap${port}`)
    }
    for (const network of networks) {
      const suffix = suffixes.get(network)
      due.push(`link evpn---${suffix}`, `link vxlan--${suffix}`, `vxlan--${suffix} in evpn---${suffix}`)
    }
    return due.sort()
  }
}

const macOf = (port: number): string => formatMac(0x020000000100 + port)

test(`${KILLS} kills at random moments under load: each time kernel and state are what the agent was told`, async () => {
  const machines = await Promise.all(
    Array.from({ length: MACHINES }, async (_, i) => {
      const host = await addNode(lab, reflector, `node${i + 1}`, `10.77.0.${11 + i}`)
      return new Machine(host, SEED + i)
    }),
  )
  for (const machine of machines) await machine.plug()
  await Promise.all(machines.map((machine) => machine.torment(KILLS / MACHINES)))
}, 900_000)
