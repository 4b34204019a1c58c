import { printable } from '../../values/controls.ts'
import { print } from '../print.ts'
import { impex2dot } from './impex2dot.ts'
import { lookingGlassTool } from './looking-glass.ts'
import { parseTool, type Tool, toolHelp, UsageError } from './optparse.ts'
import { restAttach } from './rest-attach.ts'

const TOOLS: readonly Tool[] = [restAttach, lookingGlassTool, impex2dot]

/** Runs the tool of bagpipe-bgp with that name; false where there is none. Throws errors. */
export async function runTool(name: string, line: readonly string[]): Promise<boolean> {
  const found = TOOLS.find((one) => one.name === name)
  if (found === undefined) return false
  try {
    const parsed = parseTool(found.options, line)
    if (parsed === null) await print(toolHelp(found))
    else await found.run(parsed.args, parsed.words)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`Usage: ${found.usage}\n\n${name}: error: ${printable(error.message)}\n`)
    process.exitCode = 2
  }
  return true
}
