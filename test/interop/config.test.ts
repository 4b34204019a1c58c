import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'
import { checkConfig } from '../../src/config/load.ts'
import { generatedConfig, optionsOf } from '../support/bagpipe-options.ts'
import { loneDaemon } from '../support/lone-daemon.ts'
import { UPDATING } from '../support/vectors.ts'

const FIXTURE = 'fixtures/bagpipe-bgp/options.conf'

// test/config/bagpipe-bgp.test.ts takes this fixture for every option that there is; UPDATE_FIXTURES=1 writes it anew
test('the recorded options of bagpipe-bgp are those of the installed one', () => {
  const text = generatedConfig()
  if (UPDATING) writeFileSync(FIXTURE, text)
  expect(text).toBe(readFileSync(FIXTURE, 'utf8'))
})

test('no option in the files of the package is unknown', () => {
  const files = globSync('/etc/bagpipe-bgp/{bagpipe-bgp,dataplane-*}.conf*')
  expect(files.length).toBeGreaterThan(3)
  for (const file of files) {
    const { findings } = checkConfig(parseIni(optionsOf(readFileSync(file, 'utf8')), file))
    expect(findings.filter(({ code }) => code.startsWith('unknown'))).toEqual([])
  }
})

test('a mistake that does not keep the daemon from starting stays in its status', async () => {
  const daemon = await loneDaemon({ settings: { BGP: { hold_tme: 9 } } })
  expect(await daemon.problems()).toEqual([
    expect.stringMatching(
      /bgp\.conf line \d+: unknown option \[BGP\] hold_tme \(did you mean hold_time\?\); it is ignored$/,
    ),
  ])
})
