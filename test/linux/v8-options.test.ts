import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { V8_OPTIONS } from '../../src/linux/v8-options.ts'

test.each(V8_OPTIONS)('this V8 has the option %s', (option) => {
  expect(spawnSync(process.execPath, [option, '--eval', ''], { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  })
})
