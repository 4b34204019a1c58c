import { readdirSync, readFileSync } from 'node:fs'
import { CliError } from '../../src/cli/command.ts'
import { decodeInput } from '../../src/cli/decode/decode.ts'
import { type Format, render } from '../../src/cli/decode/render.ts'
import { mutateBehind } from './codecs.ts'
import { refusable, type Target } from './target.ts'

const FIXTURES = new URL('../../fixtures/decode/', import.meta.url)
const FORMATS: readonly Format[] = ['text', 'json', 'jsonl']
const HEX_ARGUMENTS = 0x04
const LINES = 0x08
const TWO_OCTETS = 0x10
const ADD_PATH = 0x20

const files = readdirSync(FIXTURES)
  .filter((name) => /\.(hex|pcap|pcapng)$/.test(name))
  .map((name) => readFileSync(new URL(name, FIXTURES)))
const lines = files
  .filter((file) => file.length < 4000)
  .map((file) => Buffer.from(`{"hex": ${JSON.stringify(file.toString('latin1'))}, "as4": false}\n`, 'latin1'))

/** Octets: the arguments of `chanter decode`, then its input. */
export const decodeCommand: Target = {
  name: 'decode',
  batch: 150,
  seeds: [
    ...files.map((file) => Buffer.concat([Buffer.of(0), file])),
    ...lines.map((line) => Buffer.concat([Buffer.of(LINES), line])),
  ],
  mutate: mutateBehind(1),
  run(input) {
    const how = input[0] ?? 0
    const given = { file: null, bytes: input.subarray(1), isHex: (how & HEX_ARGUMENTS) !== 0 }
    const hints = {
      ...((how & TWO_OCTETS) === 0 ? {} : { as4: false }),
      ...((how & ADD_PATH) === 0 ? {} : { addPath: ['l2vpn/evpn'] }),
    }
    refusable([CliError], () => {
      const decoded = decodeInput(given, { hints, port: 179, lines: (how & LINES) !== 0 })
      for (const _ of render(FORMATS[(how & 3) % 3]!, decoded));
    })
  },
}
