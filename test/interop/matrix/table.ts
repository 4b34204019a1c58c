import { CELL_NAMES, type CellName, type Outcome } from './cell.ts'

export type Results = ReadonlyMap<string, ReadonlyMap<CellName, Outcome>>

/** The results as lines of text: a table, and below it why something is not supported or fails. */
export function formatTable(results: Results): string {
  const columns = [...results]
  const rows = [
    ['', ...columns.map(([name]) => name)],
    ...CELL_NAMES.map((cell) => [cell, ...columns.map(([, cells]) => cells.get(cell)?.verdict ?? 'not run')]),
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const table = rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
  const notes = columns.flatMap(([name, cells]) => {
    const byNote = new Map<string, CellName[]>()
    for (const [cell, { verdict, note }] of cells)
      if (verdict !== 'pass')
        byNote.set(`${verdict}: ${note}`, [...(byNote.get(`${verdict}: ${note}`) ?? []), cell])
    return [...byNote].map(([note, of]) => `${name}, ${of.join(', ')}: ${note}`)
  })
  return [...table, '', ...notes].join('\n')
}
