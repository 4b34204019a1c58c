import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { LOG_LINES } from '../src/events/log-lines.ts'
import { type Syntax, syntaxOf, visit } from './support/syntax.ts'
import { UPDATING } from './support/vectors.ts'

const FIXTURE = 'fixtures/messages.txt'

/** The words of a literal, `{}` for each expression in it; null of what is none. */
function template(node: Syntax): string | null {
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value']
  if (node.type !== 'TemplateLiteral') return null
  return (node['quasis'] as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join('{}')
}

/** Whether people read it: some words, with blanks between them. */
const isSentence = (text: string): boolean => /[a-z]{2,} \S+ .*[a-z]{2,}/.test(text) && !text.includes('\n')

/** Log lines, then the sentences of each file: all messages of daemon, API and CLI. */
function messages(): string {
  const lines = Object.entries(LOG_LINES).map(([event, line]) => {
    if (line === null) return `${event}: not logged`
    const level = typeof line.level === 'function' ? 'it depends' : line.level
    const message = typeof line.message === 'string' ? line.message : `{${line.message.field}}`
    return `${event}: ${line.part} ${level}: ${message}`
  })
  const files = globSync('src/**/*.ts').sort()
  const sentences = files.flatMap((file) => {
    const found = new Set<string>()
    visit(syntaxOf(file, readFileSync(file, 'utf8')), (node) => {
      const text = template(node)
      if (text !== null && isSentence(text)) found.add(`  ${text}`)
    })
    return found.size === 0 ? [] : ['', file, ...found]
  })
  return `${['log lines', ...lines, ...sentences].join('\n')}\n`
}

// A change of words is seen in review: UPDATE_FIXTURES=1 writes the table anew.
test('fixtures/messages.txt lists every message', () => {
  const text = messages()
  if (UPDATING) writeFileSync(FIXTURE, text)
  expect(text).toBe(readFileSync(FIXTURE, 'utf8'))
})
