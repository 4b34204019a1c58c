import { expect, test } from 'vitest'
import { clientLimit, descriptorLimit, requireDescriptors } from '../../src/linux/descriptors.ts'
import { readProc } from '../../src/linux/proc.ts'

const limits = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}                 524288               files     \n`

test('the limit of file descriptors is the soft one, if there is one', () => {
  expect(descriptorLimit(limits('1024'))).toBe(1024)
  expect(descriptorLimit(limits('unlimited'))).toBe(Number.POSITIVE_INFINITY)
  expect(descriptorLimit()).toBeGreaterThan(63)
})

test('each peer needs two descriptors more', () => {
  requireDescriptors(0, 64)
  requireDescriptors(2, 68)
  expect(() => requireDescriptors(2, 67)).toThrow(
    'the process may have 67 file descriptors, and needs 68 at least: raise the limit (ulimit -n; systemd: LimitNOFILE; containers: nofile)',
  )
})

test('clients leave room for the API and for configured peers', () => {
  const one = { prefixes: 1, peers: 0 }
  expect(clientLimit(1000, one, 65_536)).toBe(1000)
  expect(clientLimit(1000, one, Number.POSITIVE_INFINITY)).toBe(1000)
  expect(clientLimit(1000, one, 1024)).toBe(960)
  expect(clientLimit(1000, { prefixes: 2, peers: 5 }, 1024)).toBe(475)
  expect(clientLimit(1000, one, 64)).toBe(1)
})

test('a file of /proc that is not there is named, with the remedy', () => {
  expect(() => readProc('/proc/nothing')).toThrow(
    /^\/proc\/nothing cannot be read \(ENOENT\), and chanter needs it: mount \/proc, all of it/,
  )
})
