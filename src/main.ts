import { printable } from './values/controls.ts'

/** The oldest Node that chanter runs on, as in package.json. */
const OLDEST = [22, 12] as const

try {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw new Error(`needs Node ${OLDEST.join('.')} or newer, this is ${process.versions.node}`)
  const { runProgram } = await import('./cli/program.ts')
  await runProgram(process.argv.slice(2))
} catch (error) {
  for (const one of error instanceof AggregateError ? error.errors : [error]) {
    const message = one instanceof Error ? one.message : String(one)
    process.stderr.write(`chanter: ${printable(message.replace(/\s*\n\s*/g, ' '))}\n`)
  }
  process.exit(1)
}
