import { writeFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace } from './namespace.ts'

enterOwnNamespace()

/** A turn reads so many changed interfaces, and each costs a query or two. */
const QUESTIONS_A_TURN = 2 * 32
const EXTERNAL = 50

let lab: Lab
afterEach(() => lab.close())

const set = (value: number) => writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', `${value}`)

/** The cost of a write to `net.ipv4.conf.all.*`: the kernel notifies of a change of every interface. */
async function cost(networks: number): Promise<{ questions: number; most: number }> {
  lab = linuxLab()
  const dataplane = lab.restart()
  lab.addUp(...Array.from({ length: EXTERNAL }, (_, i) => `other${i}`))
  const entries = Array.from({ length: networks }, (_, n) => e.networkOf(n + 1)).flat()
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
  await lab.calm()
  let [questions, inTurn, most] = [0, 0, 0]
  const { driver } = lab
  const [link, poll] = [driver.link.bind(driver), driver.poll.bind(driver)]
  vi.spyOn(driver, 'link').mockImplementation((name) => {
    questions++
    inTurn++
    return link(name)
  })
  vi.spyOn(driver, 'poll').mockImplementation(() => {
    most = Math.max(most, inTurn)
    inTurn = 0
    poll()
  })
  const begun = process.cpuUsage()
  set(2)
  await lab.until(() => questions > 0)
  await lab.calm()
  const { user, system } = process.cpuUsage(begun)
  set(0)
  console.log(
    `${networks} networks: ${questions} questions, ${most} in a turn, ${Math.round((user + system) / 1000)} ms CPU`,
  )
  lab.close()
  return { questions, most }
}

test('a setting of all interfaces makes the daemon read each owned one, a few of them in a turn', async () => {
  const few = await cost(10)
  const many = await cost(40)
  expect(few.questions).toBeGreaterThanOrEqual(2 * 10)
  // two links a network, and nothing for those of others
  expect(many.questions - few.questions).toBeLessThanOrEqual(2 * 2 * 30)
  expect(many.most).toBeLessThanOrEqual(QUESTIONS_A_TURN)
})
