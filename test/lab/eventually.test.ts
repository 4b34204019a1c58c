import { expect, test } from 'vitest'
import { eventually, Hopeless } from '../../src/lab/eventually.ts'

test('resolves to the awaited value', async () => {
  let looks = 0
  expect(
    await eventually('three looks', async () => (++looks < 3 ? { seen: `${looks}` } : { value: looks })),
  ).toBe(3)
})

test('past the deadline, it reports the condition and the last state', async () => {
  await expect(eventually('a session', async () => ({ seen: 'Idle' }), 0.1)).rejects.toThrow(
    'not met within 0.1 s: a session; last seen: Idle',
  )
  const failing = async () => {
    throw new Error('connection refused')
  }
  await expect(eventually('an answer', failing, 0.1)).rejects.toThrow(
    'not met within 0.1 s: an answer; last seen: connection refused',
  )
})

test('gives up at once when there is no hope', async () => {
  const dead = async () => {
    throw new Hopeless('the daemon ended')
  }
  await expect(eventually('an answer', dead)).rejects.toThrow('the daemon ended')
})
