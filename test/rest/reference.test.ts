import { Validator } from '@seriousme/openapi-schema-validator'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROUTES } from '../../src/api/routes.ts'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { type TestApi, testApi } from '../support/api.ts'

let api: TestApi

beforeEach(() => {
  api = testApi()
})
afterEach(() => api.app.close())

interface Reference {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>
}

const reference = async (): Promise<Reference> => (await api.app.inject('/openapi.json')).json()

test('names the path attributes of routes as the looking glass does', async () => {
  const documented: { readonly properties: object }[] = []
  JSON.parse(JSON.stringify(await reference()), (key, value) => {
    if (key === 'attributes') documented.push(value)
    return value
  })
  expect(documented.length).toBeGreaterThan(0)
  const communities: Partial<Attributes> = { extendedCommunities: [], largeCommunities: [] }
  const shown = Object.keys(formatAttributes({ ...noAttributes(), localPref: 100, ...communities }))
  expect(shown).toHaveLength(3)
  for (const { properties } of documented) {
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(shown))
    expect(properties).toMatchObject({ 'local-preference': { type: 'string', description: 'LOCAL_PREF' } })
    expect(properties).not.toHaveProperty('as4-path')
  }
})

/** A documented path as Fastify has it. */
const served = (path: string) =>
  path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => (name === '*' ? '*' : `:${name}`))

test('is valid OpenAPI', async () => {
  const validator = new Validator()
  const result = await validator.validate(JSON.parse(JSON.stringify(await reference())))
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
  expect(validator.version).toBe('3.1')
})

/** All routes as Fastify lists them: a line each, below the line of what they begin with. */
function* servedRoutes(listed: string): Iterable<{ method: 'GET' | 'POST'; url: string }> {
  const parents: string[] = []
  for (const [, indent = '', part = '', methods = ''] of listed.matchAll(
    /^([│ ]*)[├└]── (\S+) \((.*)\)$/gm,
  )) {
    const depth = indent.length / 4
    const url = `${depth === 0 ? '' : parents[depth - 1]}${part === '*' ? '/*' : part}`
    parents[depth] = url
    for (const method of ['GET', 'POST'] as const)
      if (methods.split(', ').includes(method)) yield { method, url }
  }
}

test('leaves out only what answers nothing, or that the method is not allowed', async () => {
  await api.app.ready()
  const { paths } = await reference()
  const all = [...servedRoutes(api.app.printRoutes({ commonPrefix: false }))]
  expect(all.length).toBeGreaterThan(40)
  const undocumented = all.filter(
    ({ method, url }) =>
      !Object.entries(paths).some(
        ([path, methods]) =>
          served(path).replace('/openapi.json', '/openapi') === url && method.toLowerCase() in methods,
      ),
  )
  for (const { method, url } of undocumented.filter(({ url }) => url !== '/ping')) {
    const answer = await api.app.inject({ method, url: url.replace(':address', '10.77.0.1') })
    expect([answer.statusCode === 200 ? answer.json() : answer.statusCode], `${method} ${url}`).toEqual([
      answer.statusCode === 200 ? {} : 405,
    ])
  }
})

test('documents every route with what it takes and answers', async () => {
  const { paths } = await reference()
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${served(path)}`),
  )
  expect(documented.sort()).toEqual(
    Object.values(ROUTES)
      .map(({ method, url }) => `${method} ${url}`)
      .sort(),
  )
})
