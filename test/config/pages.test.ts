import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'

const INTERFACES = { eth0: [{ address: '192.0.2.11' }], eth1: [{ address: '198.51.100.11' }] }
/** What each node has to have. */
const NEEDED = '[BGP]\nlocal_address = eth0\nmy_as = 64512\n'

/** The examples of bgp.conf in the pages, with the page that each is in. */
const examples = globSync(['README.md', 'docs/*.md']).flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(/^```ini\n(\[.*?)^```$/gms)].map(
    ([, text = '']) => [page, text] as const,
  ),
)

test('there are examples', () => expect(examples.length).toBeGreaterThan(7))

test.each(examples)('in %s the daemon takes %j', (_, text) => {
  const { findings } = checkConfig(parseIni(NEEDED + text, 'bgp.conf'), INTERFACES)
  const real = findings.filter(({ option, code }) => !option?.endsWith('_file') && code !== 'repeated')
  expect(real.map(({ message }) => message)).toEqual([])
})
