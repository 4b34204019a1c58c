import { globSync, readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { ensure } from '../src/values/map.ts'
import { type Syntax, syntaxOf, visit } from './support/syntax.ts'

const TYPES = ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration', 'ClassDeclaration', 'TSEnumDeclaration']

/** Words of names that have another one: that of RFCs, of ip(8), of FRR or of the kernel. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [/announc/i, 'advertise'],
  [/observer|sighting/i, 'ChangeListener, ObservedEntry'],
  [/^observe$/, 'dump'],
  [/shaken|\bshake/i, 'disrupted'],
  [/hush/i, 'mute'],
  [/heed/i, 'handle'],
  [/residue|lingers?$|leavers/i, 'stale, removals, owned'],
  [/footprint/i, 'pending operation'],
  [/cable/i, 'veth'],
  [/plug(?!in)/i, 'irb, join, attach, port'],
  [/dead[ _]?end/i, 'blackhole'],
  [/carriage|\bcore(config|facts)/i, 'transport, encapsulation'],
  [/\bwayto|\bways?$/i, 'next hop, path, hop'],
  [/judge|fate/i, 'select, state, outcome'],
  [/contested/i, 'drifted, recurring'],
  [/whoever/i, 'peer, program, host'],
  [/indoubt|leftover(?!s$)|ofbefore/i, 'stale'],
  [/setaside|keptaside/i, 'quarantined'],

  [/untold|\btold|istold|whiletold/i, 'reported'],
  [/^(is)?tell/i, 'report, notify, answer, emit'],
  [/heard|^hears?$/i, 'received, notified'],
  [/\bterms$|Terms$/, 'options, context'],
  [/^[A-Z]\w*(Facts|Parts)$/, 'options, context, dependencies'],
  [/\bsaid|\bsay$/i, 'advertised, output'],
  [/foreign|given(bridge|vxlan)/i, 'external'],
  [/(no|some|any|every)body/i, 'the peer, program, node or client that is meant'],
  [/bgpneighbour|dynamicneighbour/i, 'peer'],
]

/** Names that are stored, or that the bagpipe-bgp contract has; some of them in one file only. */
const KEPT: ReadonlySet<string> = new Set([
  'applicable',
  'src/api/looking-glass.ts: announced',
  'src/rest/looking-glass/capabilities.ts: announced',
  'test/interop/reflectors.test.ts: announced',
  'test/rest/peers.test.ts: announced',
  'src/rest/metrics/event-counters.ts: observe',
  'src/vpn/state.ts: footprint',
  'src/vpn/state.ts: givenBridge',
  'src/vpn/state.ts: givenVxlan',
  'src/vpn/state.ts: plug',
  'src/cli/bagpipe/rest-attach.ts: plugged',
  'test/rest/agents.test.ts: plugged',
  'test/rest/parameters.test.ts: plugged',
])

/** Phrases of comments, titles, messages and documents that have a standard word. */
const BANNED_PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\b(some|no|any|every)body\b|whoever/i, 'the peer, program, node or client that is meant'],
  [/\bforeign\b/i, 'external'],
  [/\bleft over\b|\bleftover(?!s`)/i, 'stale'],
  [/\bset aside\b|\bkept aside\b/i, 'quarantined, renamed'],
  [/\bdead end(?!')/i, 'blackhole'],
  [/\bput (back|right)\b/i, 'repair, restore, set back'],
  [/\bcables?\b(?! work)/i, 'veth pair'],
  [/plug(?!in)/i, 'IRB, join, attach, port'],
  [/\bannounces\b/i, 'advertises'],
  [/\b(un)?told\b/i, 'advertised, reported, requested'],
  [/\bheard\b/i, 'received, notified'],
  [/\bterms\b/i, 'options, context'],
  [/\bsaid\b/i, 'advertised, sent, printed'],
  [/'NETWORK'|\bNETWORK {2}/, 'INSTANCE'],
]
/** The lines that have one all the same: names that are stored, and the words of bagpipe-bgp. */
const KEPT_LINES =
  /^export const BLACKHOLE_ALIAS = |chanter:dead end|ovs-preplug|pre-plugging|plugged"?: true|can't unplug|[Ww]ill plug |only plug an evpn|\bplug\b.*\birb\b|the key `plug`|plug: z\.object/

/** Words of names that have another one in these files. */
const BANNED_IN: readonly (readonly [files: RegExp, name: RegExp, string])[] = [
  // elsewhere it is an ARP or ND entry
  [/^(src|test)\/bgp\/|^src\/rest\/peers/, /neighbour(?!As)/i, 'peer'],
  [/^(src|test)\/dataplane\/|^test\/kernel\//, /^look(?!Up)/, 'dump, present'],
  [/^src\/(evpn|ipvpn|vpn|rest)\/|^src\/cli\/status/, /^networks?$/i, 'instance'],
]

const trees = new Map<string, Syntax>()
beforeAll(() => {
  for (const file of globSync('{src,test,scripts,bench}/**/*.ts'))
    if (file !== 'test/vocabulary.test.ts') trees.set(file, syntaxOf(file, readFileSync(file, 'utf8')))
}, 60_000)

test('a type name of src is declared once, exported or not', () => {
  const declared = new Map<string, string[]>()
  for (const [file, tree] of trees) {
    if (!file.startsWith('src/')) continue
    visit(tree, (node) => {
      if (TYPES.includes(node.type)) {
        const { name } = node['id'] as { readonly name: string }
        ensure(declared, name, () => []).push(file)
      }
      if (node.type !== 'ExportNamedDeclaration') return
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
      const name = /^(Private)?Identifier$/.test(node.type) ? String(node['name']) : ''
      if (name === '' || KEPT.has(name) || KEPT.has(`${file}: ${name}`)) return
      const instead =
        BANNED.find(([pattern]) => pattern.test(name))?.[1] ??
        BANNED_IN.find(([files, pattern]) => files.test(file) && pattern.test(name))?.[2]
      if (instead !== undefined) wrong.add(`${file}: ${name} (${instead})`)
    })
  }
  expect([...wrong]).toEqual([])
})

test('comments, titles, messages and documents have them too', () => {
  const code = globSync('{src,test,scripts,bench}/**/*.{ts,py,sh}')
  const documents = globSync([
    '*.md',
    'docs/**/*.md',
    'fixtures/**/*.md',
    'package.json',
    'bin/*',
    'deploy/*',
    'containers/*',
    'Makefile',
    'Dockerfile',
  ])
  const wrong = [...code, ...documents].flatMap((file) => {
    if (file === 'test/vocabulary.test.ts') return []
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) => {
        const instead = KEPT_LINES.test(line)
          ? undefined
          : BANNED_PHRASES.find(([pattern]) => pattern.test(line))
        return instead === undefined ? [] : [`${file}:${i + 1}: ${line.trim()} (${instead[1]})`]
      })
  })
  expect(wrong).toEqual([])
})
