import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../src/lab/eventually.ts'
import { buildImages } from '../interop/scenarios/containers.ts'
import { Engine } from '../interop/scenarios/engine.ts'

const engine = Engine.find()
const PROJECT = `chanter-${process.pid}`
const CONFIG = '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'
const FORWARDING = '/proc/sys/net/ipv4/ip_forward'
const environment: NodeJS.ProcessEnv = { ...process.env, COMPOSE_PROJECT_NAME: PROJECT }
const before = readFileSync(FORWARDING, 'utf8')
let directory: string
let service: ChildProcess | undefined

/** Podman is asked by Debian's docker-compose, through the API that it has in common with Docker. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'chanter-compose-'))
  await buildImages(engine, ['chanter', 'vm', 'gobgp'])
  if (engine.name === 'docker') return
  const [config, socket] = [join(directory, 'containers.conf'), join(directory, 'podman.sock')]
  // Podman forgets what a command in a container ended with after this many seconds: docker-compose asks for it first
  writeFileSync(config, `${CONFIG}[engine]\nexit_command_delay = 30\n`)
  environment['DOCKER_HOST'] = `unix://${socket}`
  const [program = '', ...options] = engine.command
  service = spawn(program, [...options, 'system', 'service', '--time', '0', environment['DOCKER_HOST']], {
    env: { ...environment, CONTAINERS_CONF: config },
    stdio: 'ignore',
  })
  await eventually('podman serves', async () =>
    existsSync(socket) ? { value: true } : { seen: 'no socket' },
  )
})

afterAll(() => {
  // Podman refuses what others depend on until those are gone
  for (let i = 0; i < 2; i++) run('docker compose down -v', { mayFail: true })
  service?.kill()
  rmSync(directory, { recursive: true })
  if (before.trim() === '0') writeFileSync(FORWARDING, before)
})

/** Runs a command line of the README. */
function run(line: string, { mayFail = false } = {}): string {
  const words =
    engine.name === 'docker'
      ? line
      : line.replace('docker compose', 'docker-compose').replace('--build --wait', '--no-build')
  try {
    return execFileSync('sh', ['-c', words], {
      env: environment,
      encoding: 'utf8',
      timeout: 120_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    if (mayFail) return ''
    throw error
  }
}

test('the commands of README for compose.yaml work', async () => {
  const [, block = ''] =
    /## Try it in containers\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []
  const [up = '', ...lines] = block.trim().split('\n')
  const down = lines.pop()
  const [attach1 = '', attach2 = '', ping = '', routes = ''] = lines
  expect(lines.length).toBe(4)
  run(up)
  // what --wait does
  await eventually('both daemons and their ports are there', async () => {
    for (const attach of [attach1, attach2]) run(attach)
    return { value: true }
  })
  await eventually('vm1 reaches vm2', async () => ({ value: run(ping) }))
  expect(run(ping)).toContain('3 received')
  expect(run(routes)).toMatch(
    /02:00:00:00:01:01[\s\S]*02:00:00:00:01:02|02:00:00:00:01:02[\s\S]*02:00:00:00:01:01/,
  )
  expect(down).toBe('docker compose down -v')
})
