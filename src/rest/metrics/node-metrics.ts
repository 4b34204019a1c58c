import { Counter, Gauge, type Registry } from 'prom-client'
import type { Counts } from '../../dataplane/model.ts'
import type { ServiceViews, Views } from '../looking-glass/index.ts'
import { statusSummary } from '../status-summary.ts'

/** How long to wait for the forwarding thread before its last answer is used. */
const ANSWER_MS = 1000

/** The present state of the daemon as a whole. */
export function addNodeMetrics(registry: Registry, views: Views): void {
  const registers = [registry]
  const { speaker, services, version } = views
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      },
    })

  new Gauge({
    name: 'chanter_build_info',
    help: 'Version of the daemon; always 1',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  gauge('process_start_time_seconds', 'Start time of the process since 1970', () => views.startTime / 1000)
  gauge('process_resident_memory_bytes', 'Resident memory size', () => process.memoryUsage.rss())
  counter('process_cpu_seconds_total', 'CPU time of the process', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge('chanter_initial_convergence_complete', 'Whether initial convergence is complete', () =>
    Number(speaker.convergence.since !== null),
  )
  gauge('chanter_headless', 'Whether forwarding goes by routes that no peer confirms', () =>
    Number(speaker.isHeadless),
  )
  counter(
    'chanter_log_lines_dropped_total',
    'Lines of the log that could not be written',
    () => views.logHealth().dropped,
  )
  gauge('chanter_log_failing', 'Whether the log cannot be written', () =>
    Number(views.logHealth().failure !== null),
  )
  addProblems(registry, views)
  if (services !== null) addServiceMetrics(registry, services)
}

function addProblems(registry: Registry, views: Views): void {
  let problems: number | null = null
  new Gauge({
    name: 'chanter_problems',
    help: 'Problems that chanter status reports',
    registers: [registry],
    async collect() {
      problems = (await soon(statusSummary(views, views.now())))?.problems.length ?? problems
      if (problems === null) this.remove()
      else this.set(problems)
    },
  })
}

function addServiceMetrics(registry: Registry, { vpns, dataplane, stateFile }: ServiceViews): void {
  const registers = [registry]
  new Gauge({
    name: 'chanter_instances',
    help: 'VPN instances by type',
    labelNames: ['type'],
    registers,
    collect() {
      const counts = { evpn: 0, ipvpn: 0 }
      for (const { type } of vpns.instances.values()) counts[type]++
      for (const [type, count] of Object.entries(counts)) this.set({ type }, count)
    },
  })
  new Gauge({
    name: 'chanter_endpoints',
    help: 'Attached endpoints',
    registers,
    collect() {
      let count = 0
      for (const { attachments } of vpns.instances.values()) for (const _ of attachments) count++
      this.set(count)
    },
  })
  if (stateFile !== null)
    new Gauge({
      name: 'chanter_state_file_failing',
      help: 'Whether the state file cannot be written',
      registers,
      collect() {
        this.set(Number(stateFile().failure !== null))
      },
    })
  let last: Counts | null = null
  new Gauge({
    name: 'chanter_entries',
    help: 'Kernel entries that are desired, by their state',
    labelNames: ['state'],
    registers,
    async collect() {
      last = (await soon(dataplane.counts())) ?? last
      if (last === null) return
      this.set({ state: 'programmed' }, last.programmed)
      this.set({ state: 'pending' }, last.pending)
      this.set({ state: 'failed' }, last.failed)
    },
  })
}

/** The awaited value; null where that takes too long or fails. */
async function soon<T>(result: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ANSWER_MS)
  })
  const first = await Promise.race([result.catch(() => null), late])
  clearTimeout(timer)
  return first
}
