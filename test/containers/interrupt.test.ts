import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { eventually } from '../../src/lab/eventually.ts'
import { LABEL } from '../interop/scenarios/container-lab.ts'
import { Engine } from '../interop/scenarios/engine.ts'

const engine = Engine.find()
const forwarding = () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')

/** Containers and networks that belong to a process. */
function thingsOf(pid: number): string[] {
  const filter = ['--filter', `label=${LABEL}=${pid}`]
  const output = engine.runSync('ps', '-aq', ...filter) + engine.runSync('network', 'ls', '-q', ...filter)
  return output.split('\n').filter((line) => line !== '')
}

test('Ctrl-C takes everything down', async () => {
  const before = forwarding()
  const words = ['--import', 'tsx', 'scripts/interop-containers.ts', '--only', 'GoBGP']
  const run = spawn(process.execPath, words, { stdio: 'ignore' })
  const ended = new Promise((resolve) => run.once('exit', resolve))
  await eventually(
    'some containers run',
    async () => {
      const things = thingsOf(run.pid!)
      return things.length > 4 ? { value: things } : { seen: things.join() }
    },
    240,
  )
  run.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(thingsOf(run.pid!)).toEqual([])
  expect(forwarding()).toBe(before)
})
