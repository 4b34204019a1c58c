import type { Options } from 'yargs'
import { complaint, request, type Server, urlOf } from '../client.ts'
import { CliError, command } from './command.ts'
import { type Follow, followNothing, type JsonValue, lookingGlassText } from './looking-glass-text.ts'
import { print, write } from './print.ts'
import { jsonOption, portOption, serverOf, serverOptions } from './server-options.ts'

const options = {
  recurse: { type: 'boolean', alias: 'r', default: false, describe: 'Follow the whole tree below' },
  json: jsonOption,
  ...serverOptions,
  port: portOption,
} as const satisfies Record<string, Options>

export const lookingGlass = command({
  usage: 'looking-glass [path..]',
  describe: 'Show the state of a running daemon',
  options,
  examples: [
    ['looking-glass', 'The root of the tree'],
    ['looking-glass bgp peers', 'The sessions'],
    ['looking-glass -r vpns instances', 'Everything about the VPN instances'],
  ],
  async run(args) {
    const server = serverOf(args, args.port)
    const words = ((args['path'] as unknown[]) ?? []).map(String)
    const path = ['/looking-glass', ...words.map(encodeURIComponent)].join('/')
    const answer = await request(server, path)
    if (answer.status === 404) {
      await print(`No such looking glass path: ${words.join(' ')}\n(${urlOf(server, path)})`)
      process.exitCode = 1
      return
    }
    if (answer.status !== 200) throw new CliError(complaint(answer))
    const data: JsonValue = JSON.parse(answer.body)
    const follow = args.recurse ? downwards(server, path) : followNothing
    if (args.json) await print(JSON.stringify(await inline(data, follow), null, 2))
    else await write(await lookingGlassText(data, follow))
  },
})

/** Follows the links that lead further down, so that recursion ends. */
export function downwards(server: Server, base: string): Follow {
  return async (href) => {
    const path = new URL(href, urlOf(server, '/')).pathname
    if (!path.startsWith(`${base}/`)) return undefined
    const answer = await request(server, path)
    return answer.status === 200
      ? { data: JSON.parse(answer.body), follow: downwards(server, path) }
      : undefined
  }
}

/** `data` with the targets of its links in their place, named by their `id` where they have one. */
async function inline(data: JsonValue, follow: Follow): Promise<JsonValue> {
  if (data === null || typeof data !== 'object') return data
  if (Array.isArray(data)) return Promise.all(data.map((item) => inline(item, follow)))
  const target = typeof data['href'] === 'string' ? await follow(data['href']) : undefined
  if (target !== undefined) {
    const content = await inline(target.data, target.follow)
    return typeof data['id'] === 'string' ? { [data['id']]: content } : content
  }
  const members = Object.entries(data).map(
    async ([key, value]): Promise<[string, JsonValue]> => [key, await inline(value, follow)],
  )
  return Object.fromEntries(await Promise.all(members))
}
