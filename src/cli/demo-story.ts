import { styleText } from 'node:util'

const MARGIN = ' '.repeat(9)

/** The demo's output: steps with their time, commands as an operator types them, and their answers. Without styles where no terminal reads. */
export class Story {
  readonly #start = performance.now()

  get seconds(): string {
    return ((performance.now() - this.#start) / 1000).toFixed(1)
  }

  title(text: string): void {
    console.log(`${styleText('bold', text)}\n`)
  }

  step(text: string): void {
    console.log(`\n${styleText('dim', `${this.seconds.padStart(5)} s`)}  ${styleText('bold', text)}`)
  }

  /** A command and the machine it runs on. */
  command(machine: string, line: string): void {
    this.#indented(`${machine}# ${line}`, 'cyan')
  }

  output(text: string): void {
    this.#indented(text)
  }

  /** Lines of cells, in columns. */
  table(rows: readonly (readonly string[])[]): void {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => row[column]?.length ?? 0)),
    )
    const line = (row: readonly string[]) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    for (const [index, row] of rows.entries()) this.#indented(line(row), index === 0 ? 'dim' : undefined)
  }

  verdict(passed: boolean, text: string): void {
    const [word, colour] = passed ? (['PASS', 'green'] as const) : (['FAIL', 'red'] as const)
    console.log(`\n${styleText([colour, 'bold'], `${word}  ${text}`)}`)
  }

  #indented(text: string, style?: 'cyan' | 'dim'): void {
    for (const line of text.trimEnd().split('\n')) {
      const shown = `${MARGIN}${line}`
      console.log(style === undefined ? shown : styleText(style, shown))
    }
  }
}
