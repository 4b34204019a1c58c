/** Lines with the cells of each column below each other. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Rows for a value of several lines: `cells` stand before the first. */
export function rowsOf(cells: readonly string[], lines: readonly string[]): string[][] {
  const [first = '', ...more] = lines
  return [[...cells, first], ...more.map((line) => [...cells.map(() => ''), line])]
}
