import { parseSync } from 'vite'

/** A node of a syntax tree (ESTree). */
export interface Syntax {
  readonly type: string
  readonly [field: string]: unknown
}

/** The syntax tree of a TypeScript file. Throws where it cannot be parsed. */
export function syntaxOf(file: string, text: string): Syntax {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  return program as unknown as Syntax
}

/** Calls `see` with each node, outer ones first. */
export function visit(node: unknown, see: (node: Syntax) => void): void {
  if (typeof node !== 'object' || node === null) return
  if (Array.isArray(node)) for (const one of node) visit(one, see)
  else {
    if ('type' in node && typeof node.type === 'string') see(node as Syntax)
    for (const child of Object.values(node)) visit(child, see)
  }
}
