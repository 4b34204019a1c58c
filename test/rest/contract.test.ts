import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../support/api.ts'

interface Recorded {
  readonly name: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: unknown
  readonly status: number
  readonly answer: string | null
}

/** Where chanter answers otherwise than bagpipe-bgp: the requests with names of this pattern. */
interface Difference {
  /** Undefined for all. */
  readonly stage?: string
  readonly name: string
  readonly status: number
  readonly reason: string
}

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../fixtures/rest/${name}.json`, import.meta.url), 'utf8'))

const { requests: DIFFERENCES } = read<{ requests: readonly Difference[] }>('differences')
/** Those that were seen. */
const seen = new Set<Difference>()

describe.each([
  'http',
  'malformed',
  'missing',
  'evpn',
  'evpn-wildcard',
  'ipvpn',
  'linuxbr',
  'readvertise',
  'irb',
])('%s, as recorded', (file) => {
  const requests = read<readonly Recorded[]>(file)
  let api: TestApi

  beforeAll(() => {
    api = testApi()
  })

  test.each(requests.map((request) => [request.name, request] as const))(
    '%s',
    async (name, { method, path, headers, body, status, answer }) => {
      const different = DIFFERENCES.find(
        ({ stage = file, name: pattern }) => stage === file && new RegExp(pattern).test(name),
      )
      const payload = body === null ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }
      const response = await api.app.inject({ method, url: path, headers, ...payload })
      expect(response.statusCode, response.body).toBe(different?.status ?? status)
      const isSame = response.statusCode === status && (answer === null || response.body === answer)
      expect(isSame, `${different?.reason ?? 'no difference is listed'}: ${response.body}`).toBe(
        different === undefined,
      )
      if (different !== undefined) seen.add(different)
      if (response.statusCode !== 200 && method !== 'HEAD') {
        expect(response.headers['content-type']).toContain('application/json')
        expect(response.json()).toEqual({
          code: response.statusCode,
          title: expect.stringMatching(/^\w/),
          description: expect.stringMatching(/\w/),
          error_code: expect.stringMatching(/^[A-Z0-9_]+$/),
        })
      }
    },
  )
})

test('each listed difference is there', () => {
  expect(DIFFERENCES.filter((one) => !seen.has(one))).toEqual([])
})

describe('ping', () => {
  test('is an integer of 128 bits that stays the same', async () => {
    const { app } = testApi()
    const first = await app.inject('/ping')
    expect(first.body).toMatch(/^\d{20,39}$/)
    expect((await app.inject('/ping')).body).toBe(first.body)
    expect((await testApi().app.inject('/ping')).body).not.toBe(first.body)
  })
})
