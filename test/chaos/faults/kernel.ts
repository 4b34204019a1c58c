import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../src/lab/command.ts'
import type { Fault } from '../fault.ts'
import type { World } from '../world.ts'

/** Links that others delete in one request: the kernel holds its link lock all the time. */
const CROWD = 400
const GROUP = '7'
const NOTIFICATIONS = 20_000
const STRANGER = 'stranger0'

export const linkLock: Fault = {
  name: 'link-lock',
  weight: 1,
  isShared: true,
  async start(world) {
    const namespace = world.crowd()
    await crowd(world, namespace)
    const deletion = run('ip', '-n', namespace, 'link', 'del', 'group', GROUP)
    return {
      what: `another program deletes ${CROWD} links at once`,
      end: async () => void (await deletion),
    }
  },
}

async function crowd({ lab }: World, namespace: string): Promise<void> {
  const file = join(lab.directory, 'crowd.batch')
  const words = (i: number) => `link add c${i} group ${GROUP} type veth peer name d${i} group ${GROUP}`
  writeFileSync(file, Array.from({ length: CROWD / 2 }, (_, i) => words(i)).join('\n'))
  await run('ip', '-n', namespace, '-batch', file)
}

/** More notifications than a socket has room for, and among them that of something of ours. */
export const overrun: Fault = {
  name: 'overrun',
  weight: 2,
  async start(_world, node, random) {
    const isStopped = random.chance(0.7)
    await node.ip('link', 'add', STRANGER, 'type', 'vxlan', 'id', '77', 'dstport', '4777', 'nolearning')
    await node.ip('link', 'set', STRANGER, 'up')
    if (isStopped) process.kill(node.pid, 'SIGSTOP')
    const mac = (i: number) => `06:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}`
    await node.batch(
      'bridge',
      Array.from({ length: NOTIFICATIONS }, (_, i) => `fdb add ${mac(i)} dev ${STRANGER} dst 10.77.0.99`),
    )
    await node.batch('ip', ['link set evpn---red down', 'link set evpn---red up'])
    if (isStopped) process.kill(node.pid, 'SIGCONT')
    return {
      what: `${NOTIFICATIONS} entries of a stranger${isStopped ? ' while the daemon is stopped' : ''}, and evpn---red down and up`,
      costs: ['packets'],
      end: async () => void (await node.ip('link', 'del', STRANGER)),
    }
  },
}
