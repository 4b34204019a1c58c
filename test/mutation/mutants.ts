import { parseAst } from 'vitest/node'

/** One small change of a source file. */
export interface Mutant {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** Offsets of the text that is replaced. */
  readonly start: number
  readonly end: number
  readonly replacement: string
}

/** A node of the syntax tree (ESTree with the nodes of TypeScript). */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

type Change = Pick<Mutant, 'start' | 'end' | 'replacement'>

const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '++': ['--'],
  '--': ['++'],
  '||=': ['='],
  '??=': ['='],
}

/** Methods that are mistaken for each other. */
const METHODS: Readonly<Record<string, string>> = { some: 'every', every: 'some', min: 'max', max: 'min' }

/** Statements that can be left out. */
const REMOVABLE = new Set(['ExpressionStatement', 'ThrowStatement', 'ContinueStatement', 'BreakStatement'])

/** TypeScript's nodes with something in them that runs. */
const WRAPPERS = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'])

/** What is not mutated: words for people, and what names other modules. */
const LEFT_ALONE = new Set(['TemplateLiteral', 'ImportDeclaration', 'ExportAllDeclaration'])

/**
 * Constants that say how much work is done before other work gets its turn, or waits before more is taken on. One more or less
 * is no other behaviour; the tests of floods and of memory show that there is a bound.
 */
const PACES = new Set(['SLICE', 'SHARE_OF_CHANGES', 'TURN', 'MAX_DIRTY', 'HIGH_WATER_OCTETS', 'MAX_OCTETS'])

/** Every mutant of a file, in the order of the text. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const mutants: Mutant[] = []
  const lines = lineStarts(source)
  const program = parseAst(source, { lang: 'ts' }) as unknown as Node
  for (const { node, parent } of nodesOf(program, null))
    for (const change of changesOf(node, parent, source))
      mutants.push({ file, line: lineOf(lines, change.start), ...change })
  return mutants.sort((a, b) => a.start - b.start || a.end - b.end)
}

/** The mutant's text in the place of the original. */
export function mutated(source: string, { start, end, replacement }: Change): string {
  return source.slice(0, start) + replacement + source.slice(end)
}

/** A line for people: what it was, what it is. */
export function describeMutant({ file, line, start, end, replacement }: Mutant, source: string): string {
  const brief = (text: string) => text.replace(/\s+/g, ' ').trim().slice(0, 100)
  const before = brief(source.slice(start, end))
  return `${file}:${line}  ${before}  ->  ${brief(replacement) || 'nothing'}`
}

function* changesOf(node: Node, parent: Node | null, source: string): Iterable<Change> {
  const text = (one: Node) => source.slice(one.start, one.end)
  const instead = (replacement: string): Change => ({ start: node.start, end: node.end, replacement })
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      yield* operatorChanges(node, source)
      return
    case 'UpdateExpression':
      for (const other of OPERATORS[node['operator'] as string] ?? [])
        yield instead(text(node).replace(node['operator'] as string, other))
      return
    case 'UnaryExpression':
      if (node['operator'] === '!' || node['operator'] === '-') yield instead(text(node['argument'] as Node))
      return
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement': {
      const test = node['test'] as Node
      yield { start: test.start, end: test.end, replacement: `!(${text(test)})` }
      return
    }
    case 'Literal':
      yield* literalChanges(node, parent)
      return
    case 'CallExpression':
      yield* methodChanges(node['callee'] as Node)
      return
    default:
      if (REMOVABLE.has(node.type) && !isDirective(node)) yield instead(';')
      if (node.type === 'ReturnStatement' && node['argument'] === null) yield instead(';')
  }
}

function* operatorChanges(node: Node, source: string): Iterable<Change> {
  const [left, right] = [node['left'] as Node, node['right'] as Node]
  const operator = node['operator'] as string
  const at = source.indexOf(operator, left.end)
  if (at < 0 || at >= right.start) return
  for (const other of OPERATORS[operator] ?? [])
    yield { start: at, end: at + operator.length, replacement: other }
}

function* literalChanges(node: Node, parent: Node | null): Iterable<Change> {
  const { start, end } = node
  const value = node['value']
  if (typeof value === 'boolean') yield { start, end, replacement: String(!value) }
  if (typeof value !== 'number' || parent?.type === 'TSLiteralType') return
  for (const other of [value + 1, value - 1])
    yield { start, end, replacement: other < 0 ? `(${other})` : String(other) }
}

function* methodChanges(callee: Node): Iterable<Change> {
  if (callee.type !== 'MemberExpression') return
  const property = callee['property'] as Node
  const other = METHODS[String(property['name'])]
  if (other !== undefined) yield { start: property.start, end: property.end, replacement: other }
}

/** The nodes of a tree that run, with their parents. */
function* nodesOf(
  node: Node,
  parent: Node | null,
): Iterable<{ readonly node: Node; readonly parent: Node | null }> {
  if (LEFT_ALONE.has(node.type)) return
  if (node.type.startsWith('TS') && !WRAPPERS.has(node.type)) return
  if (isPace(node) || isCapacity(node, parent)) return
  yield { node, parent }
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* nodesOf(child, node)
  }
}

function isPace({ type, id }: Node): boolean {
  return type === 'VariableDeclarator' && PACES.has(String((id as Node)['name']))
}

/** The capacity that a `Writer` starts with, which grows. */
function isCapacity(node: Node, parent: Node | null): boolean {
  if (parent?.type !== 'NewExpression') return false
  const callee = parent['callee'] as Node
  return callee !== node && callee['name'] === 'Writer'
}

function isDirective(node: Node): boolean {
  return typeof node['directive'] === 'string'
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

function lineStarts(source: string): number[] {
  const starts = [0]
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function lineOf(starts: readonly number[], at: number): number {
  return starts.findLastIndex((start) => start <= at) + 1
}
