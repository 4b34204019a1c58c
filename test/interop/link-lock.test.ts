import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchJson, request } from '../../src/client.ts'
import { type LabDaemon, startChanter, startChanterReflector } from '../../src/lab/chanter.ts'
import { run } from '../../src/lab/command.ts'
import { Lab } from '../../src/lab/lab.ts'
import { addNode, addReflector, addVm, type Vm } from '../../src/lab/network.ts'
import { attach, detach, session } from '../support/interop.ts'

const AS = 64512
const REFLECTOR = '10.77.0.1'
/** Links that others delete in one request, for which the kernel holds its link lock all the time. */
const CROWD = 2000
const GROUP = '7'
/** Links of others in the namespace of the daemon, more than fit into many datagrams of a dump. */
const NEIGHBOURS = 500
/** More answers to `/ping`, one after the other, than a daemon gives that waits with the attachment: that has four, before and after. */
const ANSWERS = 8
/** As many answers of `/status` as one that began its dumps anew at each change would never give. */
const STATUSES = 10
let lab: Lab
let daemon: LabDaemon
let vms: Vm[]

beforeAll(async () => {
  lab = new Lab()
  const reflector = await addReflector(lab, REFLECTOR)
  const node = await addNode(lab, reflector, 'node1', '10.77.0.11')
  vms = []
  for (let n = 1; n <= 2; n++)
    vms.push(await addVm(lab, node, `vm${n}`, 0x020000000100 + n, `192.168.10.${n}/24`))
  await startChanterReflector(lab, reflector, AS)
  daemon = await startChanter(lab, node, {
    BGP: { my_as: AS, peers: REFLECTOR },
  })
  await session(lab, daemon, REFLECTOR, true)
  await attach(daemon, vms[0]!)
})

afterAll(() => lab.close())

/** Adds links to a group, in few calls. */
async function addLinks(namespace: string, prefix: string, count: number): Promise<void> {
  const file = join(lab.directory, `${prefix}.batch`)
  const lines = Array.from(
    { length: count },
    (_, i) => `link add ${prefix}${i} group ${GROUP} type veth peer name ${prefix}p${i} group ${GROUP}`,
  )
  writeFileSync(file, lines.join('\n'))
  await run('ip', '-n', namespace, '-batch', file)
}

/** Asks for `/ping` one time after the other until `ended`; returns how many were answered. */
async function pingsUntil(ended: Promise<unknown>): Promise<number> {
  let isOver = false
  const over = () => {
    isOver = true
  }
  void ended.then(over, over)
  let answers = 0
  for (; !isOver; answers++) await request(daemon.api, '/ping')
  return answers
}

test('while others hold the link lock of the kernel, only an attachment waits', async () => {
  const crowd = lab.addNamespace('crowd')
  await addLinks(crowd, 'c', CROWD)
  let isDeleted = false
  const deletion = run('ip', '-n', crowd, 'link', 'del', 'group', GROUP).finally(() => {
    isDeleted = true
  })
  const attachments: { readonly took: number; readonly pings: number }[] = []
  while (!isDeleted) {
    const begun = performance.now()
    const pings = await pingsUntil(attach(daemon, vms[1]!))
    attachments.push({ took: performance.now() - begun, pings })
    await detach(daemon, vms[1]!)
  }
  await deletion
  // the one that came upon the lock
  const [{ took, pings } = { took: 0, pings: 0 }] = attachments.sort((a, b) => b.took - a.took)
  console.log(`an attachment took ${took.toFixed()} ms, with ${pings} answers to /ping meanwhile`)
  expect(pings).toBeGreaterThan(ANSWERS)
})

test('/status is answered while others make links without end', async () => {
  const { namespace } = daemon.host
  await addLinks(namespace, 'n', NEIGHBOURS)
  const churn = lab.start(
    namespace,
    'churn',
    'sh',
    '-c',
    'while :; do ip link add churn0 type veth peer name churn1; ip link del churn0; done',
  )
  try {
    for (let i = 0; i < STATUSES; i++) {
      const { problems } = await fetchJson<{ problems: readonly string[] }>(daemon.api, '/status')
      expect(problems).toEqual([])
    }
  } finally {
    await churn.stop()
  }
  await run('ip', '-n', namespace, 'link', 'del', 'group', GROUP)
})
