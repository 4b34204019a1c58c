import { afterEach, expect, test, vi } from 'vitest'
import type { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import { NetlinkSocket } from '../../src/dataplane/linux/socket.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { programmedLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

const RTM_SETLINK = 19
/** Of no request: it is refused with EOPNOTSUPP. */
const UNKNOWN_TYPE = 0x3ff0
const IFINFOMSG = 16
const IFF_UP = 1
const FLAGS = IFINFOMSG + 8
const ATTRIBUTES = IFINFOMSG + 16
const IFLA_GROUP = 27

let lab: Lab
let dataplane: Reconciler

afterEach(() => {
  vi.restoreAllMocks()
  lab.close()
})

/** Has the kernel refuse one change of a link, the one of that number among those that match; returns how many there were so far. */
function refuse(number: number, matches: (message: Buffer) => boolean): () => number {
  const { send } = NetlinkSocket.prototype
  let count = 0
  vi.spyOn(NetlinkSocket.prototype, 'send').mockImplementation(function (
    this: NetlinkSocket,
    writer: Parameters<typeof send>[0],
  ) {
    const { bytes } = writer
    for (let at = 0; at < writer.length; ) {
      const end = at + bytes.readUInt32LE(at)
      if (
        bytes.readUInt16LE(at + 4) === RTM_SETLINK &&
        matches(bytes.subarray(at, end)) &&
        ++count === number
      )
        bytes.writeUInt16LE(UNKNOWN_TYPE, at + 4)
      at = end
    }
    return send.call(this, writer)
  })
  return () => count
}

const changesGroup = (message: Buffer) =>
  message.length > ATTRIBUTES && message.readUInt16LE(ATTRIBUTES + 2) === IFLA_GROUP

test.each([1, 2, 3, 4])(
  'a link that cannot be put into a group is deleted nevertheless: no. %i',
  async (number) => {
    const networks: Entry[] = [...e.networkOf(1), ...e.networkOf(2)]
    ;[lab, dataplane] = await programmedLab(networks, {})
    const grouped = refuse(number, changesGroup)
    for (const entry of networks) dataplane.unwant(entry)
    await dataplane.gone(networks)
    expect(grouped()).toBe(networks.length - 2)
    for (const { device } of networks) expect(lab.indexOf(device), device).toBeUndefined()
  },
)

test('a port that the kernel refuses to set up is set up by the next try', async () => {
  ;[lab, dataplane] = await programmedLab([e.bridge, e.vxlan, e.vxlanPort], {})
  const tap = lab.indexOf('tap1')
  const asked = refuse(
    1,
    (message) => message.readInt32LE(IFINFOMSG + 4) === tap && (message.readUInt32LE(FLAGS) & IFF_UP) !== 0,
  )
  dataplane.want(e.tapPort)
  await lab.until(() => asked() > 0 && dataplane.status(e.tapPort).state === 'programmed')
  expect(run('ip -o link show tap1')).toMatch(/UP.* master br0 /)
})
