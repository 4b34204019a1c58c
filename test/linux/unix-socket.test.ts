import { once } from 'node:events'
import { lstatSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keepUnixSocket, listenOnUnixSocket } from '../../src/linux/unix-socket.ts'
import { temporaryFiles } from '../support/files.ts'
import { until } from '../support/until.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const OWN_GROUP = `${process.getgid?.()}`

function newServer(): Server {
  const server = createServer((socket) => socket.on('error', () => {}).end('answer'))
  onTestFinished(() => void server.close())
  return server
}

const listen = (path: string, group: string | null = null) =>
  listenOnUnixSocket(newServer(), { path, mode: 0o620, group })

async function answer(path: string): Promise<string> {
  const socket = connect(path)
  const [octets] = await once(socket, 'data')
  socket.destroy()
  return octets.toString()
}

/** The socket of a process that has ended. */
async function abandoned(path: string): Promise<void> {
  const server = createServer().listen(`${path}.bound`)
  await once(server, 'listening')
  renameSync(`${path}.bound`, path)
  await new Promise((resolve) => server.close(resolve))
}

test('a socket has its mode and group, the mask of the process stays, and the directory is made', async () => {
  const path = join(temporaryFiles({}), 'run', 'api')
  const mask = process.umask()
  await listen(path, OWN_GROUP)
  expect(statSync(path).mode & 0o777).toBe(0o620)
  expect(`${statSync(path).gid}`).toBe(OWN_GROUP)
  expect(process.umask()).toBe(mask)
})

test('is closed to all other accounts until its mode is set', async () => {
  const path = join(temporaryFiles({}), 'api')
  const server = newServer()
  const bind = server.listen.bind(server)
  let mode = 0
  server.listen = ((options: { path: string }) => {
    bind(options)
    mode = statSync(path).mode & 0o777
    return server
  }) as Server['listen']
  await listenOnUnixSocket(server, { path, mode: 0o666, group: null })
  expect(mode).toBe(0o600)
})

test('the socket of a process that has ended is replaced', async () => {
  const path = join(temporaryFiles({}), 'api')
  await abandoned(path)
  await listen(path)
  expect(await answer(path)).toBe('answer')
})

test('that of a process that runs is refused and goes on answering', async () => {
  const path = join(temporaryFiles({}), 'api')
  await listen(path)
  await expect(listen(path)).rejects.toThrow(
    `another process listens on ${path}: stop it, or name another path`,
  )
  expect(await answer(path)).toBe('answer')
})

test('a socket that was removed with its directory is made anew, as often as that happens, and until the end', async () => {
  const path = join(temporaryFiles({}), 'run', 'api')
  const clock = new VirtualClock()
  const server = newServer()
  const socket = { path, mode: 0o620, group: null }
  await listenOnUnixSocket(server, socket)
  const seen: string[] = []
  const end = keepUnixSocket(server, socket, (ms, task) => clock.after(ms, task), {
    removed: () => void seen.push('removed'),
    restored: () => void seen.push('restored'),
    failed: (reason) => void seen.push(reason),
  })
  const checked = async (...reports: readonly unknown[]) => {
    await until('it is checked', () => {
      clock.advance(10_000)
      return seen.length >= reports.length
    })
    expect(seen.splice(0, reports.length)).toEqual(reports)
  }
  for (let i = 0; i < 2; i++) {
    rmSync(dirname(path), { recursive: true })
    await checked('removed', 'restored')
    expect([await answer(path), statSync(path).mode & 0o777]).toEqual(['answer', 0o620])
  }
  rmSync(dirname(path), { recursive: true })
  writeFileSync(dirname(path), 'no directory')
  await checked('removed', expect.stringMatching(/EEXIST|ENOTDIR/))
  rmSync(dirname(path))
  await until('it is made anew', () => {
    clock.advance(10_000)
    return seen.at(-1) === 'restored'
  })
  expect(await answer(path)).toBe('answer')
  end()
})

test('a file that is no socket stays', async () => {
  const path = join(temporaryFiles({ api: 'mine' }), 'api')
  await expect(listen(path)).rejects.toThrow(`${path} is no socket: remove it, or name another path`)
  expect(lstatSync(path).isFile()).toBe(true)
})

test.each([
  ['a group that does not exist', 'api', 'no-such-group', 'has no group no-such-group'],
  ['a path that is too long', 'x'.repeat(100), null, 'has at most 107 octets'],
])('%s is refused before anything is created', async (_, name, group, message) => {
  const path = join(temporaryFiles({}), name)
  await expect(listen(path, group)).rejects.toThrow(message)
  expect(lstatSync(path, { throwIfNoEntry: false })).toBe(undefined)
})
