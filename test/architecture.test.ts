import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KINDS } from '../src/dataplane/kinds/index.ts'
import { syntaxOf, visit } from './support/syntax.ts'

/** Which rooms a room may import from, besides itself. A trailing `:types` allows `import type` alone. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  values: [],
  clock: [],
  events: ['clock:types'],
  bgp: ['values', 'clock', 'events/event'],
  dataplane: [
    'values',
    'clock',
    'events/event',
    'linux/libc',
    'linux/bpf',
    'linux/memory',
    'linux/privileges',
  ],
  'linux/libc': [],
  'linux/bpf': ['linux/libc'],
  'linux/datagram': ['linux/libc'],
  'linux/descriptors': ['linux/proc'],
  'linux/kernel': ['linux/libc', 'linux/proc'],
  'linux/lock': ['linux/libc'],
  'linux/memory': ['linux/libc'],
  'linux/privileges': ['linux/proc'],
  'linux/proc': [],
  'linux/tcp': [
    'bgp/session/transport:types',
    'bgp/session/md5-drops:types',
    'bgp/nlri/prefix',
    'values',
    'linux',
  ],
  'linux/unix-socket': ['values/path-reason'],
  'linux/tcp-options': ['values', 'linux/libc'],
  api: ['dataplane/kinds', 'dataplane/model:types', 'bgp/values'],
  evpn: ['bgp', 'values'],
  ipvpn: ['bgp', 'values'],
  vpn: [
    'api',
    'evpn',
    'ipvpn',
    'bgp',
    'dataplane/kinds',
    'dataplane/model:types',
    'values',
    'clock:types',
    'events/event:types',
  ],
  rest: [
    'api',
    'vpn',
    'evpn',
    'ipvpn',
    'bgp',
    'dataplane/kinds',
    'dataplane/model:types',
    'dataplane/view:types',
    'values',
    'log-output:types',
    'recent-log:types',
    'events/event',
  ],
  record: [
    'bgp:types',
    'vpn:types',
    'dataplane/model:types',
    'events/event:types',
    'log-output:types',
    'clock:types',
    'values',
  ],
  config: ['values'],
  'service-manager': ['linux/datagram'],
  log: ['log-output', 'recent-log', 'clock', 'events', 'values/controls', 'values/path-reason'],
  'log-output': ['linux/datagram'],
  'recent-log': [],
  home: [],
  version: ['home'],
  client: [],
  lab: ['api:types', 'client', 'config', 'home', 'linux/libc', 'values', 'version'],
  daemon: [
    'rest',
    'vpn',
    'bgp',
    'dataplane',
    'linux',
    'config:types',
    'config/key-file',
    'config/ini',
    'config/load',
    'config/reload',
    'config/shown-settings',
    'config/types',
    'api:types',
    'values',
    'clock',
    'log:types',
    'events/event',
    'record',
    'log-output',
    'version',
  ],
  cleanup: ['vpn', 'dataplane', 'linux/kernel', 'linux/lock', 'clock'],
  reflector: [
    'rest',
    'bgp',
    'linux',
    'config/api-options',
    'config/key-file',
    'values',
    'clock',
    'log:types',
    'version',
    'daemon:types',
    'api:types',
    'events/event',
  ],
  cli: [
    'api',
    'daemon',
    'reflector',
    'cleanup',
    'bgp',
    'config',
    'lab',
    'client',
    'log',
    'service-manager',
    'events/event',
    'values',
    'version',
  ],
  main: ['cli', 'values/controls'],
  container: [],
}

/** The layers inside bgp; speaker and bgp-peer join them all. */
const BGP_LAYERS: Readonly<Record<string, readonly string[]>> = {
  wire: ['constants', 'errors'],
  values: ['constants'],
  nlri: ['values', 'wire', 'constants', 'errors', 'family'],
  attribute: ['nlri', 'values', 'wire', 'constants', 'errors', 'family', 'context'],
  message: ['attribute', 'nlri', 'values', 'wire', 'constants', 'errors', 'family', 'context'],
  rib: [
    'message',
    'attribute',
    'nlri',
    'values',
    'wire',
    'constants',
    'family',
    'context',
    'session/negotiate:types',
  ],
  session: ['message', 'attribute', 'nlri', 'wire', 'constants', 'errors', 'family', 'context'],
  errors: ['constants'],
  context: ['constants', 'family', 'wire/reader:types'],
  constants: [],
  family: [],
}

/** The layers inside dataplane; the thread joins them, and what composes a forwarding loop does. */
const DATAPLANE_LAYERS: Readonly<Record<string, readonly string[]>> = {
  model: ['kinds', 'kernel-queries:types', 'survey:types'],
  eventual: [],
  'kernel-queries': ['eventual:types', 'model:types', 'survey:types'],
  survey: ['eventual', 'model:types', 'driver:types'],
  refusal: ['model'],
  driver: ['eventual:types', 'kinds', 'model', 'refusal:types', 'kernel-queries:types'],
  kinds: ['model', 'driver', 'refusal'],
  engine: ['eventual', 'kinds', 'model', 'driver', 'refusal', 'kernel-queries:types', 'survey'],
  memory: ['kinds', 'model', 'driver', 'refusal'],
  linux: ['eventual:types', 'kinds', 'model', 'driver', 'refusal'],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const files = globSync('src/**/*.ts')

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  const fixed = text.matchAll(/^(?:import|export) (type )?[^'"\n]*?(?:\{[^}]*\}[^'"]*?)?from '(\.[^']+)'/gm)
  const late = text.matchAll(/\bimport\((type )?'(\.[^']+)'\)/g)
  return [...fixed, ...late].map((match) => ({
    from: file,
    to: normalize(join(dirname(file), match[2]!)),
    typeOnly: match[1] !== undefined,
  }))
}

/** The longest of `rooms` that holds the file. */
function roomOf(file: string, rooms: readonly string[], root: string): string | undefined {
  const path = file.slice(root.length).replace(/\.ts$/, '')
  return rooms
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0]
}

function violations(rules: Readonly<Record<string, readonly string[]>>, root: string): string[] {
  const rooms = Object.keys(rules)
  const wrong: string[] = []
  for (const file of files.filter((name) => name.startsWith(root))) {
    const room = roomOf(file, rooms, root)
    if (room === undefined) continue
    for (const { to, typeOnly } of importsOf(file).filter((one) => one.to.startsWith(root))) {
      const target = to.slice(root.length).replace(/\.ts$/, '')
      if (target === room || target.startsWith(`${room}/`)) continue
      const allowed = rules[room]!.some((rule) => {
        const [path, only] = rule.split(':')
        return (target === path || target.startsWith(`${path}/`)) && (only === undefined || typeOnly)
      })
      if (!allowed) wrong.push(`${file} imports ${to}`)
    }
  }
  return wrong
}

describe('import directions', () => {
  test('every source file is in a room', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(files.filter((file) => roomOf(file, Object.keys(ROOMS), 'src/') === undefined)).toEqual([])
  })

  test('every import is seen', () => {
    for (const file of files) {
      const lines = readFileSync(file, 'utf8').match(/(from |import\()'\.[^']+'/g) ?? []
      expect(importsOf(file), file).toHaveLength(lines.length)
    }
  })

  test('rooms import what they may', () => expect(violations(ROOMS, 'src/')).toEqual([]))

  test('Linux devices of VPNs are known to one room of vpn, and to few others', () => {
    const isLinux = (file: string): boolean => file.startsWith('src/vpn/linux/')
    const others = files.filter((file) => !isLinux(file) && importsOf(file).some(({ to }) => isLinux(to)))
    expect(others.sort()).toEqual([
      'src/cleanup.ts',
      'src/daemon/forwarding.ts',
      'src/daemon/overrun.ts',
      'src/daemon/saved-state.ts',
      'src/rest/params.ts',
      'src/vpn/backends.ts',
    ])
  })

  test('so do the layers of bgp', () => expect(violations(BGP_LAYERS, 'src/bgp/')).toEqual([]))

  test('so do the layers of dataplane', () =>
    expect(violations(DATAPLANE_LAYERS, 'src/dataplane/')).toEqual([]))

  test('the engine of dataplane names no kind of entry', () => {
    const engine = files.filter((file) => file.startsWith('src/dataplane/engine/'))
    const naming = engine.filter((file) =>
      KINDS.some((kind) => readFileSync(file, 'utf8').includes(`'${kind}'`)),
    )
    expect(naming).toEqual([])
  })

  test('what shows entries or sends them on knows none by its kind', () => {
    const passing = files.filter((file) =>
      /^src\/(api|cli|rest|record|events|dataplane\/thread)\//.test(file),
    )
    const named = new RegExp(`\\bkind(:| ===| !==) '(${KINDS.join('|')})'|case '(${KINDS.join('|')})':`)
    expect(passing.filter((file) => named.test(readFileSync(file, 'utf8')))).toEqual([])
  })

  test('rooms of the core keep no state in modules: it would be that of several networks at once', () => {
    const core = files.filter((file) => /^src\/(bgp|evpn|ipvpn|vpn|values)\//.test(file))
    const variable = /^(export )?(let|var) \w+/
    const object =
      /^(export )?const \w+(: (?!readonly|Readonly)[^=]+)? = (\[\]$|new (?!Map\b|Set\b|RegExp\b|Uint8Array\b|.*\(\[)\w+|new (Map|Set)(<[^(]*>)?\(\)$)/
    const stateful = core.flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => variable.test(line) || object.test(line))
        .map((line) => `${file}: ${line}`),
    )
    expect(stateful).toEqual([])
  })
})

test('no file is longer than a reader keeps in mind', () => {
  const lines = (file: string): number => readFileSync(file, 'utf8').split('\n').length - 1
  const all = globSync('{src,test,scripts,bench}/**/*.{ts,py,sh}')
  expect(all.filter((file) => lines(file) > 350)).toEqual([])
})

test('no function is longer than a screen', () => {
  const long = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    const found: string[] = []
    visit(syntaxOf(file, text), (node) => {
      if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) return
      const [start, end] = [node['start'] as number, node['end'] as number]
      if (text.slice(start, end).split('\n').length <= 60) return
      const first = text.slice(text.lastIndexOf('\n', start) + 1).split('\n')[0]!
      found.push(`${file}: ${first.trim()}`)
    })
    return found
  })
  expect(long).toEqual([])
})
