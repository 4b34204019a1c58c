import type { Options } from 'yargs'
import { ERRORS } from '../api/errors.ts'
import type { ReloadReport } from '../api/reload.ts'
import { descriptionOf, objectOf, request } from '../client.ts'
import { asking } from './asking.ts'
import { command } from './command.ts'
import { print } from './print.ts'
import { jsonOption, portOption, serverOf, serverOptions } from './server-options.ts'

const UNUSABLE = ERRORS.CONFIG_INVALID.status

const options = {
  'dry-run': { type: 'boolean', default: false, describe: 'Print the difference, and change nothing' },
  json: jsonOption,
  ...serverOptions,
  port: portOption,
} as const satisfies Record<string, Options>

export const reload = command({
  usage: 'reload',
  describe: 'Have the daemon read its configuration again; exit code 1: it cannot be used',
  options,
  examples: [
    ['reload', 'Apply the configuration, as SIGHUP does, and print what changed'],
    ['reload --dry-run', 'Print what would change'],
  ],
  run: (args) =>
    asking(async () => {
      const path = `/reload?dry_run=${args['dry-run']}`
      const answer = await request(serverOf(args, args.port), path, {})
      const refusal = answer.status === UNUSABLE ? descriptionOf(answer) : null
      if (refusal !== null) return refused(refusal)
      const report = objectOf<ReloadReport>(answer, 'peers', 'options', 'warnings')
      await print(args.json ? JSON.stringify(report, null, 2) : reloadText(report))
    }),
})

function refused(description: string): void {
  for (const finding of description.split('\n')) process.stderr.write(`chanter: ${finding}\n`)
  process.exitCode = 1
}

/** A line for each difference. */
function reloadText({ peers, options, warnings, dry_run }: ReloadReport): string {
  const lines = [
    ...peers.flatMap(peerLines),
    ...options.map(({ section, needs_restart, ...change }) =>
      line(`[${section}]`, change, needs_restart ? ' (needs a restart)' : ''),
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
  if (lines.length === 0) return 'no difference'
  return [...lines, ...(dry_run ? ['dry run: nothing was changed'] : [])].join('\n')
}

function peerLines({ peer, change, resets_session, options }: ReloadReport['peers'][number]): string[] {
  if (change !== 'changed') return [`peer ${peer} ${change}`]
  const effect = resets_session ? ' (resets the session)' : ''
  return options.map((option) => line(`peer ${peer}`, option, effect))
}

type ReportedChange = ReloadReport['peers'][number]['options'][number]

function line(subject: string, { option, before, after }: ReportedChange, effect: string): string {
  return `${subject} ${option}: ${text(before)} -> ${text(after)}${effect}`
}

function text(value: unknown): string {
  if (value === null) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
