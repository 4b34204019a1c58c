import { afterEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { formatMac } from '../../src/values/mac.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const [LOCAL, REMOTE] = [1, 2].map((n) => formatMac(e.mac(n)))

let lab: Lab

afterEach(() => lab.close())

/** In no order: what is set again comes last. */
const fdb = () => run('bridge fdb show br br0').split('\n').sort().join('\n')

describe('in an external bridge', () => {
  const count = 2000
  const entries: Entry[] = [
    { ...e.bridge, external: true },
    e.vxlan,
    e.vxlanPort,
    { ...e.tapPort, external: true },
    e.local(1),
    ...Array.from({ length: count }, (_, i) => e.remote(2 + i)),
  ]

  test.each([
    ['a remote MAC that is sticky no more', `bridge fdb replace ${REMOTE} dev vx0 master static`],
    ['a remote MAC behind another port', `bridge fdb replace ${REMOTE} dev tap2 master static`],
    ['a local MAC that is sticky no more', `bridge fdb replace ${LOCAL} dev tap1 master static`],
    ['a local MAC behind another port', `bridge fdb replace ${LOCAL} dev tap2 master static`],
  ])('%s is repaired, and what we set ourselves is no drift', async (_what, command) => {
    lab = linuxLab()
    const dataplane = lab.restart({})
    lab.addBridge('br0')
    for (const tap of ['tap1', 'tap2']) lab.addInterface(tap)
    lab.enslave('tap2', 'br0')
    for (const entry of entries) dataplane.want(entry)
    expect(await dataplane.settled(entries)).toEqual([])
    await lab.calm()
    expect(dataplane.drift.summary().count).toBe(0)
    const before = fdb()
    expect(before.match(/dev \S+ extern_learn sticky/g)).toHaveLength(count + 1)
    run(command)
    await eventually('as before', async () => (fdb() === before ? { value: null } : { seen: 'another FDB' }))
    await lab.calm()
    expect(dataplane.drift.summary().count).toBe(1)
  })
})
