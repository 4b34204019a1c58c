import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CHANTER, formatIni } from '../../src/lab/chanter.ts'
import { temporaryFiles } from '../support/files.ts'

const DEADLINE_MS = 60_000

/** What the daemon and the reflector say when a command starts them, and how they end. */
function started(...by: readonly string[]): { status: number | null; stderr: string }[] {
  const file = join(temporaryFiles({}), 'bgp.conf')
  writeFileSync(file, formatIni({ BGP: { local_address: '127.0.0.1', my_as: 64512, listen: 'false' } }))
  const reflector = ['--as', '64512', '--client', '127.0.0.0/8', '--router-id', '127.0.0.1']
  return [
    ['daemon', '--config-file', file],
    ['reflector', ...reflector],
  ].map((words) => {
    const [program = '', ...rest] = [...by, CHANTER, ...words]
    const { status, stderr } = spawnSync(program, rest, { encoding: 'utf8', timeout: DEADLINE_MS })
    return { status, stderr }
  })
}

describe('the daemon and the reflector do not start, and say why', () => {
  test('with fewer file descriptors than they need', () => {
    const why = 'the process may have 40 file descriptors, and needs 64 at least: raise the limit'
    for (const { status, stderr } of started('prlimit', '--nofile=40:40'))
      expect([status, stderr]).toEqual([1, expect.stringContaining(`chanter: ${why}`)])
  })

  test('without /proc', () => {
    const hide = ['sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh']
    for (const { status, stderr } of started('unshare', '--mount', ...hide))
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/^chanter: \/proc\/self\/limits cannot be read \(ENOENT\), .*: mount \/proc/m),
      ])
  })
})
