import type { Options } from 'yargs'
import type { PeerSummary } from '../api/peers.ts'
import { listOf, objectOf, request, type Server } from '../client.ts'
import { suggest } from '../config/suggest.ts'
import { printableValue } from '../values/controls.ts'
import { CliError, command } from './command.ts'
import { peerTable } from './peer-table.ts'
import { print } from './print.ts'
import { jsonOption, portOption, serverOf, serverOptions } from './server-options.ts'

const LISTED = ['id', 'as', 'state', 'since', 'routes'] as const
const ACTIONS = ['list', 'enable', 'disable', 'reset', 'refresh']

const options = {
  reason: {
    type: 'string',
    requiresArg: true,
    describe: 'What to tell the people at the other end (disable, reset)',
  },
  json: jsonOption,
  ...serverOptions,
  port: portOption,
} as const satisfies Record<string, Options>

export const peer = command({
  usage: 'peer <action> [address]',
  describe: `List BGP peers or act on one: ${ACTIONS.join(', ')}`,
  options,
  examples: [
    ['peer list', 'The peers, and why one is down'],
    ['peer disable 192.0.2.1 --reason "cable work until 04:00"', 'End the session and stay down'],
    ['peer enable 192.0.2.1', 'Let it come up again'],
    ['peer reset 192.0.2.1', 'Restart the session, after too many routes too'],
    ['peer refresh 192.0.2.1', 'Have it re-advertise its routes (route refresh); the session stays up'],
  ],
  async run(args) {
    const server = serverOf(args, args.port)
    const action = String(args['action'])
    const address = args['address'] === undefined ? undefined : String(args['address'])
    if (!ACTIONS.includes(action)) throw new CliError(`${unknown(action)}; see chanter peer --help`)
    if (action === 'list') {
      if (address !== undefined || args.reason !== undefined)
        throw new CliError('chanter peer list takes neither an address nor a --reason')
      return show(
        listOf<PeerSummary>(await request(server, '/looking-glass/bgp/peers'), ...LISTED),
        args.json,
      )
    }
    if (address === undefined) throw new CliError(`which peer? chanter peer ${action} ADDRESS`)
    await show([await order(server, action, address, args.reason)], args.json)
  },
})

async function order(server: Server, action: string, address: string, reason?: string): Promise<PeerSummary> {
  const path = `/bgp/peers/${encodeURIComponent(address)}/${action}`
  const answer = await request(server, path, reason === undefined ? {} : { reason })
  return objectOf<PeerSummary>(answer, ...LISTED)
}

function show(peers: readonly PeerSummary[], json: boolean): Promise<void> {
  return print(json ? JSON.stringify(peers, null, 2) : peerTable(printableValue(peers)))
}

function unknown(action: string): string {
  const guess = suggest(action, ACTIONS)
  return `unknown action ${action}${guess === undefined ? `: one of ${ACTIONS.join(', ')}` : ` (did you mean ${guess}?)`}`
}
