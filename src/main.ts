try {
  const { runProgram } = await import('./cli/program.ts')
  await runProgram(process.argv.slice(2))
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`chanter: ${message.replace(/\s*\n\s*/g, ' ')}\n`)
  process.exit(1)
}
