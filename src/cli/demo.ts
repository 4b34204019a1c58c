import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import type { Options } from 'yargs'
import { Lab } from '../lab/lab.ts'
import { removeLabs } from '../lab/stale-labs.ts'
import {
  buildTwoNodes,
  REFLECTORS,
  type ReflectorKind,
  startNode,
  startReflector,
  type TwoNodes,
} from '../lab/two-nodes.ts'
import { CliError, command } from './command.ts'
import {
  attachVms,
  type DemoNode,
  pingBothWays,
  SELF,
  showForwarding,
  showRoutes,
  showSessions,
  showTable,
} from './demo-steps.ts'
import { Story } from './demo-story.ts'

const picture = (reflector: ReflectorKind): string => `
  vm1 192.168.10.1                                          192.168.10.2 vm2
   |                                                                      |
  node1 10.77.0.11 ============== VXLAN 100 ============== 10.77.0.12 node2
   |                                                                      |
   +----- BGP ----- 10.77.0.1 ${NAMES[reflector].padEnd(7)} (route reflector) ----- BGP -----+`

const NAMES: Record<ReflectorKind, string> = { chanter: 'chanter', gobgp: 'gobgpd' }

/** Programs the demo runs, and the Debian packages they are in. */
const PROGRAMS = {
  ip: 'iproute2',
  bridge: 'iproute2',
  ping: 'iputils-ping',
}
const GOBGP_PROGRAMS = { gobgpd: 'gobgpd', gobgp: 'gobgpd' }

const options = {
  rr: { choices: REFLECTORS, default: 'chanter', requiresArg: true, describe: 'Route reflector to use' },
  keep: { type: 'boolean', default: false, describe: 'Leave everything running to look around' },
  cleanup: {
    type: 'boolean',
    default: false,
    describe: 'Remove what --keep left, and what a killed demo left',
  },
} as const satisfies Record<string, Options>

export const demo = command({
  usage: 'demo',
  describe: 'Two nodes, a reflector and a ping through VXLAN on this machine (root)',
  options,
  examples: [
    ['demo', 'Show it, then remove everything'],
    ['demo --rr gobgp', 'With GoBGP as the reflector'],
    ['demo --keep', 'Show it and leave it running'],
    ['demo --cleanup', 'Remove what was left running'],
  ],
  async run({ keep, cleanup, rr }) {
    checkPrerequisites(rr === 'gobgp' ? { ...PROGRAMS, ...GOBGP_PROGRAMS } : PROGRAMS)
    const removed = removeLabs({ kept: cleanup })
    if (cleanup) {
      console.log(removed.length > 0 ? `removed: ${removed.join(', ')}` : 'nothing to remove')
      return
    }
    const story = new Story()
    const lab = new Lab()
    story.title(`Two nodes, one network${picture(rr)}`)
    try {
      await play(lab, story, rr)
      story.verdict(true, `vm1 and vm2 reach each other through VXLAN, learnt by BGP (${story.seconds} s)`)
    } catch (error) {
      for (const started of lab.processes) {
        story.step(`End of the log of ${started.name} (${started.logFile})`)
        story.output(started.tail())
      }
      story.verdict(false, error instanceof Error ? error.message : String(error))
      process.exitCode = 1
    }
    if (keep) leaveRunning(lab, rr)
    else lab.close()
  },
})

async function play(lab: Lab, story: Story, rr: ReflectorKind): Promise<void> {
  const roles = ['rr', 'node1', 'node2', 'vm1', 'vm2'].map((role) => `${lab.name}-${role}`)
  story.step(`Each machine is a network namespace: ${roles.join(', ')}`)
  const network = await buildTwoNodes(lab)

  story.step(`The reflector (${NAMES[rr]}) and a chanter daemon on each node`)
  const [, first, second] = await Promise.all([
    startReflector(lab, network, rr),
    startSite(lab, network, 0),
    startSite(lab, network, 1),
  ])
  const scene = {
    lab,
    network,
    story,
    pairs: [
      [first, second],
      [second, first],
    ] as const,
  }
  await showSessions(scene)
  await attachVms(scene)
  await showRoutes(scene)
  await showForwarding(scene)
  await pingBothWays(scene)
  await showTable(scene)
}

async function startSite(lab: Lab, network: TwoNodes, index: 0 | 1): Promise<DemoNode> {
  const site = network.sites[index]
  return { ...site, daemon: await startNode(lab, network, site) }
}

function checkPrerequisites(programs: Readonly<Record<string, string>>): void {
  if (process.getuid?.() !== 0)
    throw new CliError('the demo makes network namespaces, which needs root: sudo make demo')
  const missing = Object.entries(programs).filter(([program]) => !isInstalled(program))
  if (missing.length === 0) return
  const packages = new Set(missing.map(([, name]) => name))
  throw new CliError(
    `the demo needs ${missing.map(([program]) => program).join(', ')} in PATH: apt-get install ${[...packages].join(' ')}`,
  )
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function leaveRunning(lab: Lab, rr: ReflectorKind): void {
  const look =
    rr === 'gobgp' ? 'gobgp global rib -a evpn' : `${SELF} looking-glass --server 10.77.0.1 bgp routes`
  lab.keep()
  console.log(`
Left running. A shell on a machine (node1, node2, rr, vm1, vm2) is \`ip netns exec ${lab.name}-node1 bash\`. There:
  node1# ${SELF} looking-glass -r vpns instances
  node1# ip -d link
  rr#    ${look}
  vm1#   ping 192.168.10.2
Configuration and logs are in ${lab.directory}. Remove everything:
  ${SELF} demo --cleanup`)
}
