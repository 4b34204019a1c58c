import type { Options } from 'yargs'
import type { ListedEntry, ListedSetting, VerificationAnswer } from '../api/entries.ts'
import type { StatusSummary } from '../api/status.ts'
import { listOf, objectOf, request, type Server } from '../client.ts'
import { printableValue } from '../values/controls.ts'
import { asking } from './asking.ts'
import { CliError, command } from './command.ts'
import { print } from './print.ts'
import { jsonOption, portOption, serverOf, serverOptions } from './server-options.ts'
import { entriesText, isProved, settingsText, summaryText, verifiedText } from './status-text.ts'

/** Exit codes that a monitoring system distinguishes from no answer. */
const WRONG = 1
/** What the page needs. */
const SUMMARY = ['ok', 'problems', 'version', 'started', 'sessions', 'routes'] as const
/** Maximum failed entries on the page itself. */
const SHOWN = 10

const options = {
  failed: { type: 'boolean', default: false, describe: 'List every kernel entry that failed' },
  instance: {
    type: 'string',
    requiresArg: true,
    describe: 'List every kernel entry of that VPN instance',
  },
  settings: {
    type: 'boolean',
    default: false,
    describe: 'List the settings of this machine (sysctl) that are kept as VRFs need them',
  },
  verify: {
    type: 'boolean',
    default: false,
    describe: 'Have the daemon compare the kernel with what it is taken to hold',
  },
  alive: {
    type: 'boolean',
    default: false,
    describe: 'Only whether the daemon works at all, whatever its peers and the kernel do (for probes)',
  },
  json: jsonOption,
  ...serverOptions,
  port: portOption,
} as const satisfies Record<string, Options>

export const status = command({
  usage: 'status',
  describe: 'Say whether all is well; exit code 1: something is wrong, 2: no daemon answers',
  options,
  examples: [
    ['status', 'Sessions, routes, kernel entries, and what is wrong'],
    ['status --failed', 'What the kernel refused, why, and when it is tried again'],
    ['status --instance net1', 'Every kernel entry of net1'],
    ['status --settings', 'What of net.* is held, what it was before, and for which entry'],
    ['status --alive', 'What a container engine asks: exit code 0 as long as the daemon answers'],
    ['status --verify', 'Prove it: dump the kernel, and list what is missing, different or too much'],
  ],
  async run(args) {
    const server = serverOf(args, args.port)
    if (args.alive) return asking(() => alive(server))
    const isListing = args.failed || args.instance !== undefined
    if (args.settings && (isListing || args.verify)) {
      throw new CliError('chanter status --settings goes with --json alone')
    }
    if (args.verify && isListing) {
      throw new CliError('chanter status --verify looks at everything: neither --failed nor --instance')
    }
    await asking(async () => {
      const ok = args.settings
        ? await listSettings(server, args.json)
        : args.verify
          ? await verify(server, args.json)
          : isListing
            ? await list(server, args)
            : await summarize(server, args.json)
      if (!ok) process.exitCode = WRONG
    })
  },
})

async function alive(server: Server): Promise<void> {
  await print(JSON.stringify(objectOf<{ readonly ok: true }>(await request(server, '/healthz'), 'ok')))
}

async function summarize(server: Server, json: boolean): Promise<boolean> {
  const summary = objectOf<StatusSummary>(await request(server, '/status'), ...SUMMARY)
  if (json) await print(JSON.stringify(summary, null, 2))
  else {
    await print(summaryText(printableValue(summary)))
    const { failed = 0, unremoved = 0 } = summary.entries ?? {}
    if (failed + unremoved > 0) await listSome(server)
  }
  return summary.ok
}

async function listSome(server: Server): Promise<void> {
  const failures = await entries(server, { state: 'failed' })
  await print(`\n${entriesText(printableValue(failures.slice(0, SHOWN)))}`)
  const more = failures.length - SHOWN
  if (more > 0) await print(`and ${more} more: chanter status --failed`)
}

interface Listing {
  readonly failed: boolean
  readonly instance?: string | undefined
  readonly json: boolean
}

async function list(server: Server, { failed, instance, json }: Listing): Promise<boolean> {
  const listed = await entries(server, {
    ...(failed ? { state: 'failed' } : {}),
    ...(instance === undefined ? {} : { instance }),
  })
  if (json) await print(JSON.stringify(listed, null, 2))
  else await print(listed.length === 0 ? 'none' : entriesText(printableValue(listed)))
  return listed.every(({ state }) => state !== 'failed')
}

async function entries(server: Server, filter: Record<string, string>): Promise<ListedEntry[]> {
  const query = new URLSearchParams(filter).toString()
  const answer = await request(server, `/status/entries${query === '' ? '' : `?${query}`}`)
  return listOf<ListedEntry>(answer, 'entry', 'state', 'instances')
}

async function listSettings(server: Server, json: boolean): Promise<boolean> {
  const settings = listOf<ListedSetting>(await request(server, '/status/settings'), 'name', 'value', 'fits')
  await print(json ? JSON.stringify(settings, null, 2) : settingsText(printableValue(settings)))
  return settings.every(({ fits }) => fits)
}

async function verify(server: Server, json: boolean): Promise<boolean> {
  const answer = await request(server, '/status/verify', {})
  const verified = objectOf<VerificationAnswer>(answer, 'entries', 'faults', 'outdated', 'unreadable')
  await print(json ? JSON.stringify(verified, null, 2) : verifiedText(printableValue(verified)))
  return isProved(verified)
}
