import { expect, test } from 'vitest'
import { pathReason } from '../../src/values/path-reason.ts'

const user = process.getuid?.()

test.each([
  ['EACCES', `no: give access to the user of this process, whose id is ${user}`],
  ['EROFS', 'no: choose a path that can be written; under systemd: ReadWritePaths='],
  ['ENOENT', 'no'],
])('an error %s about a path has the remedy', (code, reason) => {
  expect(pathReason(Object.assign(new Error('no'), { code }))).toBe(reason)
})
