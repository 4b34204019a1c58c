import type { Scenario, Stage } from './scenario.ts'

/** A way to bring up the machines of a scenario. */
export interface Runner {
  readonly name: string
  /** Brings up its machines; no daemon runs yet. */
  build(scenario: Scenario): Promise<Built>
}

export interface Built {
  readonly stage: Stage
  /** The last words of all daemons. */
  logs(): Promise<string>
  /** Takes everything down. */
  close(): Promise<void>
}

/** What became of a scenario. */
export interface Outcome {
  readonly scenario: Scenario
  readonly seconds: number
  readonly flows: Stage['flows']
  /** What the peers say that they are. */
  readonly versions: readonly string[]
  /** The step that failed, why, and the last words of the daemons; undefined where all passed. */
  readonly failure?: string
}

/** Plays a scenario to its end, whatever comes of it, and takes its machines down. */
export async function play(
  runner: Runner,
  scenario: Scenario,
  report: (step: string) => void = () => {},
): Promise<Outcome> {
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  const { stage, logs, close } = await runner.build(scenario)
  let doing = 'the daemons start'
  try {
    for (const name of Object.keys(scenario.nodes)) await stage.start(name)
    const versions = await versionsOf(stage)
    for (const { title, run } of scenario.steps) {
      doing = title
      report(`${seconds().toFixed(1)} s  ${title}`)
      await run(stage)
    }
    return { scenario, seconds: seconds(), flows: stage.flows, versions }
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    const failure = `${doing}: ${words}\n${await logs()}`
    return { scenario, seconds: seconds(), flows: stage.flows, versions: [], failure }
  } finally {
    await close()
  }
}

/** The end of a log, short enough for a terminal. */
export function lastWords(name: string, log: string): string {
  const lines = log.trimEnd().split('\n').slice(-6)
  return `--- ${name}\n${lines.map((line) => `${line.slice(0, 250)}\n`).join('')}`
}

async function versionsOf(stage: Stage): Promise<string[]> {
  const versions = new Map<string, string>()
  for (const [name, node] of Object.entries(stage.scenario.nodes)) {
    const { image, version } = node.daemon('')
    if (!versions.has(image))
      versions.set(image, (await stage.by(name, ...version)).trim().split('\n')[0] ?? '')
  }
  return [...versions].map(([image, output]) => `${image} ${/\d+\.[\w.+-]*/.exec(output)?.[0] ?? output}`)
}
