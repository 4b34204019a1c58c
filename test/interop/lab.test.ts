import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { run } from '../../src/lab/command.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { gobgp } from '../../src/lab/gobgp.ts'
import { Lab } from '../../src/lab/lab.ts'
import { removeLabs } from '../../src/lab/stale-labs.ts'
import { buildTwoNodes, startReflector } from '../../src/lab/two-nodes.ts'
import { Flow } from '../support/flow.ts'

let lab: Lab

afterEach(() => lab.close())

/** What is left of the lab on this machine. */
async function stale(): Promise<string[]> {
  const namespaces = (await run('ip', 'netns', 'list'))
    .split('\n')
    .filter((line) => line.startsWith(`${lab.name}-`))
  const processes = lab.processes.filter(({ pid }) => isRunning(pid)).map(({ name }) => name)
  return [...namespaces, ...processes, ...[lab.directory].filter(existsSync)]
}

function nothingIsLeft(): Promise<string[]> {
  return eventually('nothing is left', async () => {
    const left = await stale()
    return left.length === 0 ? { value: left } : { seen: left.join(', ') }
  })
}

/** Whether a process runs; one that has ended but was not waited for does not. */
function isRunning(pid = 0): boolean {
  return existsSync(`/proc/${pid}/exe`)
}

test('two nodes reach each other and the reflector; nothing is left afterwards', async () => {
  lab = new Lab()
  const network = await buildTwoNodes(lab)
  await startReflector(lab, network, 'gobgp')
  const [{ host, vm }, other] = network.sites
  for (const address of [other.host.address, network.reflector.address]) {
    await lab.exec(host.namespace, 'ping', '-c', '1', '-W', '2', address)
  }
  expect(await gobgp(lab, network.reflector, 'neighbor')).toContain(host.address)
  expect(await run('ip', '-n', host.namespace, 'link', 'show', vm.port)).toContain('LOWER_UP')
  lab.close()
  await nothingIsLeft()
})

test('a process that fails ends the waiting', async () => {
  lab = new Lab()
  const started = lab.start(lab.addNamespace('one'), 'failing', 'sh', '-c', 'echo no such thing; exit 3')
  const waiting = lab.eventually('an answer', async () => ({ seen: 'nothing' }))
  await expect(waiting).rejects.toThrow('failing ended (exit code 3) while we waited for this: an answer')
  expect(started.tail()).toBe('no such thing')
})

test('a process can be asked to end', async () => {
  lab = new Lab()
  const started = lab.start(lab.addNamespace('one'), 'sleeper', 'sleep', '60')
  expect(await started.stop()).toBeNull()
  expect(started.failure).toBeUndefined()
})

test('the children of a process end with it', async () => {
  lab = new Lab()
  lab.start(lab.addNamespace('one'), 'parent', 'sh', '-c', 'sleep 61 & echo $!; exec sleep 60')
  const child = await lab.eventually('the child runs', async () => {
    const output = lab.processes[0]!.tail()
    return output === '' ? { seen: 'nothing' } : { value: Number(output) }
  })
  expect(isRunning(child)).toBe(true)
  lab.close()
  await eventually('the child has ended', async () =>
    isRunning(child) ? { seen: 'it runs' } : { value: true },
  )
})

test('a kept lab outlives its process until it is removed', async () => {
  lab = new Lab()
  lab.start(lab.addNamespace('one'), 'sleeper', 'sleep', '60')
  lab.addDisk('disk', 64)
  expect(removeLabs({ kept: true })).not.toContain(lab.name)
  lab.keep()
  expect(removeLabs({ kept: false })).not.toContain(lab.name)
  expect(await stale()).toHaveLength(3)
  expect(removeLabs({ kept: true })).toContain(lab.name)
  await nothingIsLeft()
})

test('packets that wait for an end of a flow that stands still are not lost', async () => {
  lab = new Lab()
  const namespace = lab.addNamespace('one')
  await lab.exec(namespace, 'ip', 'link', 'set', 'lo', 'up')
  const vm = { name: 'one', namespace, mac: 0, address: '127.0.0.1/8', port: 'lo' }
  const flow = await Flow.start(lab, vm, vm, 4000)
  const echo = lab.processes.find(({ name }) => name.endsWith('echo'))
  echo?.signal('SIGSTOP')
  await lab.eventually('three megabytes wait', async () => {
    const [, octets = ''] = (await lab.exec(namespace, 'ss', '-Hlnu', 'sport', '=', ':7007')).split(/\s+/)
    return Number(octets) > 3e6 ? { value: octets } : { seen: `${octets} octets` }
  })
  echo?.signal('SIGCONT')
  expect((await flow.stop()).thereAndBack.lost).toBe(0)
})
