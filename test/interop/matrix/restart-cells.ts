import type { Trial } from './cell.ts'
import { held, learnt } from './family-cells.ts'
import { Ours } from './ours.ts'
import { TARGET } from './routes.ts'

/** We go away without a word: the peer shows our routes as stale until we are back (RFC 4724 §4.2). */
export const weRestart: Trial = async (column) => {
  const { peer } = column
  const before = column.our('vpn')
  const told = before.originate('VPNv4')
  await held(column, 'vpn', 'VPNv4', told)
  before.vanish()
  const words = await column.eventually(`${peer.name} keeps our routes as stale`, async () => {
    const routes = await peer.held('vpn', 'VPNv4')
    const { established } = await peer.session('vpn')
    return !established && routes.length === told.length && routes.every(({ stale }) => stale)
      ? { value: `${routes.length} stale` }
      : { seen: `session ${established ? 'up' : 'down'}, routes: ${JSON.stringify(routes)}` }
  })
  const after = new Ours(before.link, { isRestart: true })
  column.ours.set('vpn', after)
  after.originate('VPNv4')
  after.speaker.routesComplete()
  await after.start()
  await column.established('vpn')
  await column.eventually(`our routes are not stale any more, says ${peer.name}`, async () => {
    const routes = await peer.held('vpn', 'VPNv4')
    return routes.length === told.length && routes.every(({ stale }) => !stale)
      ? { value: true }
      : { seen: JSON.stringify(routes) }
  })
  await held(column, 'vpn', 'VPNv4', told)
  after.withdraw('VPNv4')
  return words
}

/** The peer dies: its routes stay with us until it is back, and then we have what it says that it has. */
export const peerRestarts: Trial = async (column) => {
  const { peer } = column
  const ours = column.our('vpn')
  const feeder = column.our('external')
  ours.want(TARGET)
  await peer.originate('VPNv4', feeder)
  await learnt(column, 'vpn', 'VPNv4', (count) => count > 0)
  const kept = ours.learnt('VPNv4').length
  await peer.kill()
  await column.eventually('we have noticed', async () =>
    ours.state === 'Established' ? { seen: ours.state } : { value: true },
  )
  await ours.settled()
  if (ours.learnt('VPNv4').length !== kept) throw new Error('its routes went when it did')
  peer.start()
  await column.eventually(`${peer.name} answers again`, async () => ({ value: await peer.answers() }))
  await column.established('vpn')
  await column.eventually(`we have what ${peer.name} says that it has`, async () => {
    const theirs = await peer.told('vpn', 'VPNv4')
    const mine = ours.learnt('VPNv4')
    return theirs.map(({ route }) => route).join() === mine.map(({ route }) => route).join()
      ? { value: true }
      : { seen: `${mine.length} here, ${theirs.length} there` }
  })
  await peer.originate('VPNv4', feeder)
  return learnt(column, 'vpn', 'VPNv4', (count) => count > 0)
}
