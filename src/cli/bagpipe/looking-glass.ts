import { type Answer, NoAnswer, request, type Server, urlOf, withoutBrackets } from '../../client.ts'
import { API_HOST } from '../../config/api-address.ts'
import { downwards } from '../looking-glass.ts'
import { followNothing, type JsonValue, lookingGlassText } from '../looking-glass-text.ts'
import { print, write } from '../print.ts'
import { apiPort, glassPath, PORT_OPTION, PREFIX_OPTION } from './api.ts'
import { tool } from './optparse.ts'
import { pythonBytes } from './python.ts'

const NAME = 'bagpipe-looking-glass'

/** bagpipe-looking-glass: its exit code is 0 whatever the daemon answers. */
export const lookingGlassTool = tool({
  name: NAME,
  usage: ` ${NAME} [--server <ip>] path to object in looking-glass\n\ne.g.: ${NAME} vpns instances`,
  options: {
    server: { kind: 'text', describe: `Address of the REST API, ${API_HOST} by default` },
    port: PORT_OPTION,
    prefix: PREFIX_OPTION,
    recurse: { kind: 'flag', short: 'r', describe: 'Follow the whole tree below' },
  },
  async run(args, words) {
    const server = { host: withoutBrackets(args.server ?? API_HOST), port: args.port ?? (await apiPort()) }
    // a word may be a path by itself
    const path = glassPath(
      args.prefix ?? 'looking-glass',
      words.flatMap((word) => word.split('/')),
    )
    try {
      const answer = await request(server, path)
      if (answer.status === 200) await printGlass(server, path, answer, args.recurse)
      else if (answer.status === 404)
        await print(`No such looking glass path: ${words.map(quoted).join(' ')}\n(${urlOf(server, path)})`)
      else await print(`Error code ${answer.status}: ${pythonBytes(answer.body)}`)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      await print(`No server at ${urlOf(server, '')} : ${error.message}`)
    }
  },
})

const quoted = (word: string): string => word.split('/').map(encodeURIComponent).join('/')

/** Prints an answer, or what it links to where it is only a link. */
async function printGlass(server: Server, path: string, { body }: Answer, recurse: boolean): Promise<void> {
  const data: JsonValue = JSON.parse(body)
  const href = data !== null && typeof data === 'object' && !Array.isArray(data) ? data['href'] : undefined
  const base = typeof href === 'string' ? new URL(href).pathname : path.replace(/\/$/, '')
  const target = typeof href === 'string' ? JSON.parse((await request(server, base)).body) : data
  await write(await lookingGlassText(target, recurse ? downwards(server, base) : followNothing))
}
