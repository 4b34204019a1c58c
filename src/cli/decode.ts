import { setImmediate } from 'node:timers/promises'
import type { Options } from 'yargs'
import { BGP_PORT } from '../bgp/constants.ts'
import { CliError, command } from './command.ts'
import { decodeInput, type Manner } from './decode/decode.ts'
import { type Decoded, isClean } from './decode/decoded.ts'
import { type Input, readInputs } from './decode/input.ts'
import { render } from './decode/render.ts'
import { write } from './print.ts'

const options = {
  file: { type: 'string', alias: 'f', array: true, nargs: 1, requiresArg: true, describe: 'File to read' },
  json: { type: 'boolean', default: false, describe: 'Print a JSON array of objects' },
  jsonl: {
    type: 'boolean',
    default: false,
    describe:
      'Print a JSON object a line; text is read a line at a time, each hex or {"hex": "…", "as4": false}',
  },
  as4: { type: 'boolean', describe: 'AS numbers of 4 octets (the default, unless OPENs say otherwise)' },
  'no-as4': { type: 'boolean', describe: 'AS numbers of 2 octets', conflicts: 'as4' },
  'add-path': {
    type: 'string',
    array: true,
    nargs: 1,
    requiresArg: true,
    describe: 'Family with path identifiers, as l2vpn/evpn; repeatable',
  },
  extended: { type: 'boolean', describe: 'Messages may be longer than 4096 bytes' },
  ibgp: { type: 'boolean', describe: 'Both ends are in one AS (the default)' },
  ebgp: {
    type: 'boolean',
    describe:
      'The ends are in different ASes (what OPENs say, or a first UPDATE with a path and no LOCAL_PREF)',
    conflicts: 'ibgp',
  },
  port: { type: 'number', default: BGP_PORT, requiresArg: true, describe: 'TCP port of BGP in a capture' },
} as const satisfies Record<string, Options>

/** Exit codes besides 0: 1 is wrong usage, as for every command. */
const MALFORMED = 2

export const decode = command({
  usage: 'decode [input..]',
  describe: 'Explain BGP messages from hex, files or captures',
  options,
  examples: [
    ['decode ffffffffffffffffffffffffffffffff001304', 'A message in hex'],
    ['decode session.pcapng', 'The sessions in a capture (pcap or pcapng)'],
    ['decode --json session.pcap | jq .', 'The same for programs'],
    ['decode --no-as4 --add-path l2vpn/evpn < update.hex', 'What the OPENs would have negotiated'],
    ['decode --jsonl < updates.hex', 'A line out for each line in'],
  ],
  async run(args) {
    const manner: Manner = {
      hints: {
        as4: args['no-as4'] ? false : args.as4,
        internal: args.ebgp ? false : args.ibgp,
        extended: args.extended,
        addPath: args['add-path'],
      },
      port: args.port,
      lines: args.jsonl,
    }
    if (args.json && args.jsonl) throw new CliError('--json or --jsonl, not both')
    const words = ((args['input'] as unknown[]) ?? []).map(String)
    const inputs = await readInputs(words, args.file ?? [])
    const format = args.jsonl ? 'jsonl' : args.json ? 'json' : 'text'
    await printAll(render(format, watched(decodeAll(inputs, manner))))
  },
})

/** Names the file of a message only where there are several inputs. */
function* decodeAll(inputs: readonly Input[], manner: Manner): Iterable<Decoded> {
  for (const input of inputs) {
    const place = inputs.length === 1 || input.file === null ? {} : { file: input.file }
    for (const one of decodeInput(input, manner)) yield { ...place, ...one }
  }
}

function* watched(decoded: Iterable<Decoded>): Iterable<Decoded> {
  for (const one of decoded) {
    if (!isClean(one)) process.exitCode = MALFORMED
    yield one
  }
}

/** Writes until the reader is gone. */
async function printAll(texts: Iterable<string>): Promise<void> {
  for (const text of texts) {
    if (!(await write(text))) break
    await setImmediate()
  }
}
