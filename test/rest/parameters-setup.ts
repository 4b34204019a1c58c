import { beforeEach } from 'vitest'
import { type TestApi, testApi } from '../support/api.ts'
import { ATTACH_BODY } from '../support/attach-body.ts'

export let api: TestApi

beforeEach(() => {
  api = testApi()
})

export const attach = (changes: Record<string, unknown>) =>
  api.app.inject({
    method: 'POST',
    url: '/attach_localport',
    payload: JSON.stringify({ ...ATTACH_BODY, ...changes }),
  })
export const detach = (changes: Record<string, unknown>) =>
  api.app.inject({
    method: 'POST',
    url: '/detach_localport',
    payload: JSON.stringify({ ...ATTACH_BODY, ...changes }),
  })
