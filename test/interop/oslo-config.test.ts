import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { interpret } from '../../src/config/load.ts'
import { readSources } from '../../src/config/sources.ts'
import { temporaryFiles } from '../support/files.ts'
import { REFERENCES, withReferences } from '../support/references.ts'

/** Prints what oslo.config has for the two options, null for an error. */
const OSLO = `
import json, sys
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf.register_opts([cfg.StrOpt('log_file'), cfg.StrOpt('log_dir')])
conf.register_opts([cfg.StrOpt('local_address'), cfg.IntOpt('my_as'), cfg.IntOpt('bgp_port', default=179)], group='BGP')
conf([], default_config_files=[sys.argv[1]], default_config_dirs=[])
def get(group, name):
    try:
        return group[name]
    except Exception:
        return None
print(json.dumps([get(conf, 'log_file'), get(conf.BGP, 'local_address'), get(conf.BGP, 'my_as')]))
`

function oslo(file: string, env: Readonly<Record<string, string>> = {}): unknown[] {
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', OSLO, file], { env, encoding: 'utf8' }))
}

test.each(REFERENCES)('oslo.config resolves %j, %j in the same way', (inDefault, inBgp, logFile, address) => {
  const directory = temporaryFiles({ 'bgp.conf': withReferences(inDefault, inBgp) })
  expect(oslo(join(directory, 'bgp.conf')).slice(0, 2)).toEqual([logFile, address])
})

test.each([
  ['OS_BGP__LOCAL_ADDRESS', '192.0.2.9'],
  ['OS_BGP__MY_AS', '64999'],
  ['OS_BGP__local_address', '192.0.2.9'],
  ['OS_LOCAL_ADDRESS', '192.0.2.9'],
  ['OS_DEFAULT__LOG_FILE', '/var/log/$$/x'],
])('oslo.config reads the variable %s in the same way', (name, value) => {
  const directory = temporaryFiles({ 'bgp.conf': withReferences('log_file = F', '') })
  const file = join(directory, 'bgp.conf')
  const { config, settings } = interpret(readSources([], file, { [name]: value }))
  const address = settings.find(({ option }) => option === 'local_address')?.value
  const logFile = settings.find(({ option }) => option === 'log_file')?.value
  expect(oslo(file, { [name]: value })).toEqual([logFile, address, config.bgp.asNumber])
})
