import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CHANTER } from '../../src/lab/chanter.ts'
import { runSync } from '../../src/lab/command.ts'

test('a command keeps nothing where every user may write', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'chanter-'))
  onTestFinished(() => rmSync(temporary, { recursive: true }))
  expect(runSync('env', `TMPDIR=${temporary}`, CHANTER, '--help')).toContain('chanter <command>')
  expect(readdirSync(temporary)).toEqual([])
})
