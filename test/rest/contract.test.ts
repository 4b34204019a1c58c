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

const WRONG_TYPE = 'a client mistake, not a server error'
const TWICE = 'agents detach twice when a port is deleted'
const ALWAYS_JSON = 'JSON whatever the Accept header says'

/** Where chanter answers otherwise than bagpipe-bgp, and why. */
const DIFFERENT: readonly (readonly [name: RegExp, status: number, why: string])[] = [
  [/ Host: example\.org:99$/, 403, 'DNS rebinding: not a name of the node'],
  [/^GET \/index$/, 404, 'an alias of bagpipe-bgp’s web framework'],
  [/^GET \/looking-glass\/summary\/version$/, 200, 'the version differs'],
  [/^GET \/looking-glass\/bgp\/routes\/ipv4%2F/, 200, 'an escaped slash is part of the name'],
  [/^405 with Accept /, 405, ALWAYS_JSON],
  [/^400 with Accept /, 400, ALWAYS_JSON],
  [/^200 GET .* with Accept /, 200, ALWAYS_JSON],
  [/^(attach|detach) json (array|array of one|string|number|null)$/, 400, WRONG_TYPE],
  [/^evA as ipvpn|type mismatch/, 400, WRONG_TYPE],
  [/^detach not plugged \(unknown MAC\)$/, 400, WRONG_TYPE],
  [/^detach known MAC, unknown IP$/, 400, WRONG_TYPE],
  [/^detach mac f1$/, 400, WRONG_TYPE],
  [/mac in upper case$/, 200, 'identity is the parsed MAC'],
  [/^attach C vni equal to an allocated label/, 400, 'one VNI space, checked'],
  [/^detach C$/, 400, 'its attach was refused'],
  [/^detach (A1 again|A1 \/32|A3|upper case mac|B again \(instance gone\))$/, 200, TWICE],
  [/^attach D with the VNI formerly of A$/, 200, 'the VNI is free again'],
  [/^detach D$/, 200, 'its attach was granted'],
  [/^ip_address explicit null$/, 200, 'null is absent'],
  [/^wildcard detach of unknown MAC in a live instance$/, 400, 'detach of an unknown endpoint'],
]

describe.each(['http', 'malformed', 'missing', 'evpn', 'evpn-wildcard', 'ipvpn'])(
  '%s, as recorded',
  (file) => {
    const requests: Recorded[] = JSON.parse(
      readFileSync(new URL(`../../fixtures/rest/${file}.json`, import.meta.url), 'utf8'),
    )
    let api: TestApi

    beforeAll(() => {
      api = testApi()
    })

    test.each(requests.map((request) => [request.name, request] as const))(
      '%s',
      async (name, { method, path, headers, body, status, answer }) => {
        const different = DIFFERENT.find(([pattern]) => pattern.test(name))
        const payload =
          body === null ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }
        const response = await api.app.inject({ method, url: path, headers, ...payload })
        expect(response.statusCode, response.body).toBe(different?.[1] ?? status)
        if (answer !== null && different === undefined) expect(response.body).toBe(answer)
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
  },
)

describe('ping', () => {
  test('is an integer of 128 bits that stays the same', async () => {
    const { app } = testApi()
    const first = await app.inject('/ping')
    expect(first.body).toMatch(/^\d{20,39}$/)
    expect((await app.inject('/ping')).body).toBe(first.body)
    expect((await testApi().app.inject('/ping')).body).not.toBe(first.body)
  })
})
