import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../../src/lab/eventually.ts'
import { type DatagramReceiver, receiveDatagrams } from '../support/datagram.ts'
import { temporaryFiles } from '../support/files.ts'
import { loneDaemon } from '../support/lone-daemon.ts'

/** The messages of a receiver, in order. */
function messagesOf(receiver: DatagramReceiver) {
  const waiting: string[] = []
  /** Waits for a message, and passes over those before it; returns it. */
  return (awaited: RegExp): Promise<string> =>
    eventually(`the message ${awaited}`, async () => {
      waiting.push(...receiver.take())
      const place = waiting.findIndex((one) => awaited.test(one))
      if (place < 0) return { seen: waiting.join(', ') }
      return { value: waiting.splice(0, place + 1).at(-1) ?? '' }
    })
}

test.each([
  ['a path', () => join(temporaryFiles({}), 'notify')],
  ['an abstract name', () => `@chanter-notify-${process.pid}`],
])('the service manager at %s follows the daemon from its start to its end', async (_, pathOf) => {
  const path = pathOf()
  const message = messagesOf(receiveDatagrams(path))
  const daemon = await loneDaemon({ by: ['env', `NOTIFY_SOCKET=${path}`, 'WATCHDOG_USEC=1500000'] })
  expect(await message(/^READY=1/)).toBe('READY=1\nSTATUS=0 of 0 sessions established, 0 VPN instances')
  await message(/^WATCHDOG=1$/)
  daemon.signal('SIGHUP')
  await message(/^RELOADING=1\nMONOTONIC_USEC=\d+$/)
  await message(/^READY=1$/)
  await message(/^WATCHDOG=1$/)
  daemon.signal('SIGTERM')
  await message(/^STOPPING=1/)
  await eventually('it ends', async () =>
    daemon.ended() === 0 ? { value: true } : { seen: String(daemon.ended()) },
  )
})
