import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { shellWord } from '../../src/values/shell-word.ts'

test.each([
  'my net',
  "it's",
  '$(id)',
  '`id`',
  'a;b',
  'a\\b',
  '"',
  '~root',
  '#x',
  '',
  "'''",
  'netz-ä',
  'evpn:my net',
])('a shell reads %j as one word', (text) => {
  expect(execFileSync('sh', ['-c', `printf '%s|' ${shellWord(text)} end`], { encoding: 'utf8' })).toBe(
    `${text}|end|`,
  )
})

test.each(['net1', 'tap-vm1', '02:00:00:00:01:01', 'evpn:net1', 'eth0.100', '8f3e_x@2'])(
  '%s stays as it is',
  (text) => {
    expect(shellWord(text)).toBe(text)
  },
)
