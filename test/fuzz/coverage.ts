import { type Profiler, Session } from 'node:inspector'

/** Whether the program did something new since the start: which characters of src ran. */
export class Coverage {
  private readonly session = new Session()
  /** By script: 1 for each character that ran. */
  private readonly seen = new Map<string, Uint8Array>()
  reached = 0

  constructor() {
    this.session.connect()
    this.session.post('Profiler.enable')
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** How much ran since the last call that never ran before; with `keep` it counts as seen. */
  fresh(keep: boolean): number {
    let fresh = 0
    // In its own process the inspector answers before `post` returns.
    this.session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      for (const script of result) if (script.url.includes('/src/')) fresh += this.compare(script, keep)
    })
    if (keep) this.reached += fresh
    return fresh
  }

  close(): void {
    this.session.disconnect()
  }

  private compare({ scriptId, functions }: Profiler.ScriptCoverage, keep: boolean): number {
    const length = Math.max(...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0))
    let seen = this.seen.get(scriptId)
    if (seen === undefined || seen.length < length) {
      const longer = new Uint8Array(length)
      longer.set(seen ?? [])
      seen = longer
      this.seen.set(scriptId, seen)
    }
    const ran = new Uint8Array(length)
    // Inner ranges follow those around them: the last that holds a character counts.
    for (const { ranges } of functions)
      for (const { startOffset, endOffset, count } of ranges)
        ran.fill(count > 0 ? 1 : 0, startOffset, endOffset)
    let fresh = 0
    for (let i = 0; i < length; i++) if (ran[i]! > seen[i]!) fresh++
    if (keep && fresh > 0) for (let i = 0; i < length; i++) if (ran[i] === 1) seen[i] = 1
    return fresh
  }
}
