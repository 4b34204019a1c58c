import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { missing, noMpls, type Refusal, settingRefused } from '../../src/dataplane/refusal.ts'
import { type TestApi, testApi } from '../support/api.ts'
import { refusal } from '../support/refusal.ts'

let api: TestApi

beforeEach(() => {
  api = testApi()
})
afterEach(() => api.app.close())

const ATTACHMENT = {
  vpn_instance_id: 'net1',
  vpn_type: 'evpn',
  import_rt: ['64512:10'],
  export_rt: ['64512:10'],
  mac_address: '02:00:00:00:01:01',
  local_port: 'gp1',
  vni: 100,
}

const post = (url: string, payload: object) => api.app.inject({ method: 'POST', url, payload })

describe('an attach that the kernel refuses is answered by the code of the refusal, whatever its words', () => {
  test.each<[string, Refusal, number]>([
    ['KERNEL_REFUSED', refusal('EPERM', 'no'), 500],
    ['KERNEL_REFUSED', refusal('EPERM', 'EOPNOTSUPP: EEXIST: EADDRINUSE'), 500],
    ['KERNEL_UNSUPPORTED', refusal('EOPNOTSUPP'), 400],
    ['KERNEL_UNSUPPORTED', { ...refusal('EOPNOTSUPP'), text: 'try modprobe vxlan' }, 400],
    ['KERNEL_EXISTS', refusal('EEXIST'), 500],
    ['UDP_PORT_IN_USE', { ...refusal('EADDRINUSE'), text: 'in use' }, 400],
    ['INTERFACE_MISSING', missing('gp1'), 400],
    ['NO_MPLS', noMpls, 400],
    ['SETTING_REFUSED', settingRefused('/proc/sys/net/x', 0, 1, 'EROFS'), 500],
  ])('%s: %o', async (code, refused, status) => {
    api.driver.fail((op, { kind }) => op === 'set' && kind === 'vxlan', refused)
    const answer = await post('/attach_localport', ATTACHMENT)
    expect(answer.json()).toMatchObject({ code: status, error_code: code })
    expect(answer.statusCode).toBe(status)
    expect(answer.json().description).toMatch(/^cannot set up gp1: /)
  })
})

test('the status of an entry has the code of its refusal, the errno, and the words', async () => {
  await post('/attach_localport', ATTACHMENT)
  api.driver.fail((op, { kind }) => op === 'remove' && kind === 'local-mac', refusal('EBUSY', 'held'), 100)
  await post('/detach_localport', ATTACHMENT)
  await expect
    .poll(async () => (await api.app.inject('/status/entries?state=failed')).json())
    .toMatchObject([
      { code: 'KERNEL_REFUSED', errno: { name: 'EBUSY', number: 16 }, reason: 'EBUSY: held', wanted: false },
    ])
})
