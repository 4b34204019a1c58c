import type { Options } from 'yargs'
import type { Explanation } from '../api/explain.ts'
import { objectOf, request } from '../client.ts'
import { printableValue } from '../values/controls.ts'
import { asking } from './asking.ts'
import { command } from './command.ts'
import { explanationText } from './explain-text.ts'
import { print } from './print.ts'
import { jsonOption, portOption, serverOf, serverOptions } from './server-options.ts'

const NOWHERE = 1
const ANSWERED = ['address', 'instances', 'routes', 'quarantined', 'dropped'] as const

const options = {
  instance: {
    type: 'string',
    requiresArg: true,
    describe: 'Only this VPN instance, with what it does not import',
  },
  json: jsonOption,
  ...serverOptions,
  port: portOption,
} as const satisfies Record<string, Options>

export const explain = command({
  usage: 'explain <address>',
  describe:
    'Say where a MAC address, IP address or prefix is, and why there and not elsewhere; exit code 1: nowhere, 2: no daemon answers',
  options,
  examples: [
    ['explain 02:00:00:00:01:02', 'The routes for it, what removed each, and what it became in the kernel'],
    ['explain 192.168.10.2 --instance net1', 'Why net1 does or does not answer for it'],
    ['explain 10.9.0.0/16', 'In which VRFs this prefix is reachable, and by which routes'],
  ],
  async run(args) {
    const query = new URLSearchParams({
      address: String(args['address']),
      ...(args.instance === undefined ? {} : { instance: args.instance }),
    })
    const server = serverOf(args, args.port)
    await asking(async () => {
      const explanation = objectOf<Explanation>(await request(server, `/explain?${query}`), ...ANSWERED)
      await print(
        args.json ? JSON.stringify(explanation, null, 2) : explanationText(printableValue(explanation)),
      )
      const isReflected = (explanation.reflected?.length ?? 0) > 0
      if (!isReflected && !explanation.instances.some(isSomewhere)) process.exitCode = NOWHERE
    })
  },
})

function isSomewhere({ local, routes }: Explanation['instances'][number]): boolean {
  return local.length > 0 || routes.some(({ state }) => state === 'used')
}
