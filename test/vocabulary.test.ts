import { globSync, readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { ensure } from '../src/values/map.ts'
import { type Syntax, syntaxOf, visit } from './support/syntax.ts'

const TYPES = ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration', 'ClassDeclaration', 'TSEnumDeclaration']

/** Words of names that have another one: that of RFCs, of ip(8), of FRR or of the kernel. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [/announc/i, 'advertise'],
  [/observer|sighting/i, 'ChangeListener, ObservedEntry'],
  [/shaken|\bshake/i, 'disrupted'],
  [/hush/i, 'mute'],
  [/heed/i, 'handle'],
  [/residue|lingers?$|leavers/i, 'stale, removals, owned'],
  [/footprint/i, 'pending operation'],
  [/cable/i, 'veth'],
  [/dead ?end/i, 'blackhole'],
  [/carriage|\bcore(config|facts)/i, 'transport, encapsulation'],
  [/\bwayto|\bways?$/i, 'next hop, path, hop'],
  [/judge|fate/i, 'select, state, outcome'],
  [/contested/i, 'drifted, recurring'],
  [/somebody|whoever/i, 'peer, program, host'],
  [/indoubt|leftover(?!s$)|ofbefore/i, 'stale'],
  [/setaside|keptaside/i, 'quarantined'],

  [/untold|\btold/i, 'reported'],
  [/bgpneighbour|dynamicneighbour/i, 'peer'],
]

/** Names that are stored, or that the bagpipe-bgp contract has. */
const KEPT: ReadonlySet<string> = new Set(['footprint', 'announced', 'applicable'])

const trees = new Map<string, Syntax>()
beforeAll(() => {
  for (const file of globSync('src/**/*.ts')) trees.set(file, syntaxOf(file, readFileSync(file, 'utf8')))
})

test('an exported type name is declared once', () => {
  const declared = new Map<string, string[]>()
  for (const [file, tree] of trees) {
    visit(tree, (node) => {
      if (node.type !== 'ExportNamedDeclaration') return
      const declaration = node['declaration'] as (Syntax & { readonly id?: { name: string } }) | null
      if (declaration?.id && TYPES.includes(declaration.type))
        ensure(declared, declaration.id.name, () => []).push(file)
      for (const { local, exported } of (node['specifiers'] ?? []) as Record<string, { name: string }>[])
        if (local?.name !== exported?.name) ensure(declared, exported!.name, () => []).push(`${file} (alias)`)
    })
  }
  const twice = [...declared].filter(([, files]) => files.length > 1 || files[0]!.endsWith('(alias)'))
  expect(Object.fromEntries(twice)).toEqual({})
})

test('names have the words of RFCs and the kernel', () => {
  const wrong = new Set<string>()
  for (const [file, tree] of trees) {
    visit(tree, (node) => {
      const name = node.type === 'Identifier' ? String(node['name']) : ''
      if (name === '' || KEPT.has(name)) return
      const instead = BANNED.find(([pattern]) => pattern.test(name))?.[1]
      if (instead !== undefined) wrong.add(`${file}: ${name} (${instead})`)
    })
  }
  expect([...wrong]).toEqual([])
})
