import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSources, type Source } from '../../src/config/sources.ts'
import { temporaryFiles } from '../support/files.ts'

const files = {
  'a.conf': '[A]\nx=a',
  'b.conf': '[A]\nx=b',
  '20.conf': '[A]\nx=20',
  '3.conf': '[A]\nx=3',
  'c.txt': '[A]\nx=c',
}

function values(sources: readonly Source[], defaultFile?: string): string[] {
  return readSources(sources, defaultFile).map(({ value }) => value)
}

test('files are read in order', () => {
  const directory = temporaryFiles(files)
  const file = (name: string): Source => ({ kind: 'file', path: join(directory, name) })
  expect(values([file('b.conf'), file('a.conf')])).toEqual(['b', 'a'])
})

test('the *.conf of a directory are read in the order of their names', () => {
  const directory = temporaryFiles(files)
  expect(values([{ kind: 'directory', path: directory }], '/nowhere')).toEqual(['20', '3', 'a', 'b'])
})

test('the default file comes first, unless a file is named', () => {
  const directory = temporaryFiles(files)
  const fallback = join(directory, 'c.txt')
  expect(values([], fallback)).toEqual(['c'])
  expect(values([{ kind: 'directory', path: directory }], fallback)).toEqual(['c', '20', '3', 'a', 'b'])
  expect(values([{ kind: 'file', path: join(directory, 'a.conf') }], fallback)).toEqual(['a'])
})

test.each([
  [
    [],
    'no configuration: /nowhere/bgp.conf does not exist: write it ([BGP] local_address and my_as are enough to start), or name another file with --config-file',
  ],
  [
    [{ kind: 'file', path: '/nowhere/a' }],
    'configuration file /nowhere/a does not exist: check the path after --config-file',
  ],
  [
    [{ kind: 'file', path: '/etc' }],
    'configuration file /etc cannot be read (EISDIR): check the path after --config-file',
  ],
  [
    [{ kind: 'directory', path: '/nowhere' }],
    'configuration directory /nowhere does not exist: check the path after --config-dir',
  ],
] as const)('%j cannot be read', (sources, message) => {
  expect(() => readSources(sources, '/nowhere/bgp.conf')).toThrow(new Error(message))
})
