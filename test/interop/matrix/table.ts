import { CELL_NAMES, type CellName, type Outcome } from './cell.ts'

/** What became of the cells of one peer. */
export interface ColumnResult {
  readonly name: string
  readonly version: string
  readonly cells: ReadonlyMap<CellName, Outcome>
}

/** A table, and below it why something is not supported or fails, and what stands behind the numbers at a pass. */
export function formatTable(columns: readonly ColumnResult[]): string {
  const remarks: string[] = []
  const numberOf = (remark: string): number => {
    if (!remarks.includes(remark)) remarks.push(remark)
    return remarks.indexOf(remark) + 1
  }
  const textOf = (outcome: Outcome | undefined): string => {
    if (outcome === undefined) return 'not run'
    if (outcome.verdict !== 'pass' || outcome.remarks.length === 0) return outcome.verdict
    return `pass (${outcome.remarks.map(numberOf).join(', ')})`
  }
  const rows = [
    ['', ...columns.map(({ name }) => name)],
    ['', ...columns.map(({ version }) => version)],
    ...CELL_NAMES.map((cell) => [cell, ...columns.map(({ cells }) => textOf(cells.get(cell)))]),
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const table = rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
  return [
    ...table,
    '',
    ...remarks.map((remark, i) => `(${i + 1}) ${remark}`),
    ...columns.flatMap(explain),
  ].join('\n')
}

/** Why cells did not pass, those with one reason together. */
function explain({ name, cells }: ColumnResult): string[] {
  const byNote = new Map<string, CellName[]>()
  for (const [cell, { verdict, note }] of cells) {
    if (verdict !== 'pass')
      byNote.set(`${verdict}: ${note}`, [...(byNote.get(`${verdict}: ${note}`) ?? []), cell])
  }
  return [...byNote].map(([note, of]) => `${name}, ${of.join(', ')}: ${note}`)
}
