import type { Trial } from './cell.ts'
import { FAMILIES } from './facts.ts'
import { held, learnt, whileAdvertised, whileReported } from './family-cells.ts'
import { AS, WIDE_AS } from './links.ts'
import { SECOND_TARGET, THIRD_TARGET } from './routes.ts'

/** We ask for a family again: the peer counts the question, and what it says again is what it says that it says. */
export const refreshByUs: Trial = (column) =>
  whileReported(column, 'vpn', 'VPNv4', async () => {
    const { peer } = column
    const { bgpPeer } = column.our('vpn')
    const before = (await peer.session('vpn')).refreshesReceived
    const updatesBefore = bgpPeer.routesIn.counters.updates
    if (!bgpPeer.requestRefresh(FAMILIES.VPNv4))
      throw new Error(`${peer.name} has no route refresh capability`)
    const words = await column.eventually(
      `${peer.name} counts our request and says the routes again`,
      async () => {
        const asked = (await peer.session('vpn')).refreshesReceived - before
        const updates = bgpPeer.routesIn.counters.updates - updatesBefore
        return asked > 0 && updates > 0
          ? { value: `${asked} received, ${updates} updates came` }
          : { seen: `${asked} requests counted there, ${updates} updates here` }
      },
    )
    await learnt(column, 'vpn', 'VPNv4')
    return words
  })

/** The peer asks us: it counts more UPDATEs of ours, and has the routes still. */
export const refreshByPeer: Trial = (column) =>
  whileAdvertised(column, 'vpn', 'VPNv4', async () => {
    const { peer } = column
    const before = await peer.session('vpn')
    await peer.requestRefresh('vpn', 'VPNv4')
    const words = await column.eventually(`${peer.name} has asked us and was answered`, async () => {
      const now = await peer.session('vpn')
      const asked = now.refreshesSent - before.refreshesSent
      const answered = now.updatesReceived - before.updatesReceived
      return asked > 0 && answered > 0
        ? { value: `${asked} sent, ${answered} updates received` }
        : { seen: `${asked} requests sent, ${answered} updates received, both by its own count` }
    })
    const { length } = await peer.held('vpn', 'VPNv4')
    if (length === 0) throw new Error('the route is gone')
    return words
  })

/** An AS number of four octets, as the peer knows its neighbour and as it stands in the path. */
export const fourOctetAs: Trial = async (column) => {
  await column.established('wide')
  const { as } = await column.peer.session('wide')
  if (as !== WIDE_AS) throw new Error(`${column.peer.name} takes us for AS ${as}, not ${WIDE_AS}`)
  return whileAdvertised(column, 'wide', 'VPNv4', (words) => Promise.resolve(words))
}

/** Both AS numbers stand in the paths: ours by the peer's word, the peer's in what we learn. */
export const externalSession: Trial = async (column) => {
  await column.established('external')
  const out = await whileAdvertised(column, 'external', 'VPNv4', (words) => Promise.resolve(words))
  const back = await whileReported(column, 'external', 'VPNv4', (words) => {
    const paths = column
      .our('external')
      .learnt('VPNv4')
      .map(({ asPath }) => asPath)
    if (paths.some((path) => path !== `${AS}`)) throw new Error(`paths ${paths.join()}, not ${AS} alone`)
    return Promise.resolve(words)
  })
  return `${out}; ${back}`
}

/** The right key makes a session, by the peer's word; the wrong one never does, and the peer's kernel says why. */
export const signatures: Trial = async (column) => {
  const { peer } = column
  await column.established('signed')
  const dropped = await column.eventually(
    `the kernel of ${peer.name} has dropped what we signed wrongly`,
    async () => {
      const count = await peer.signatureFailures()
      return count > 0 ? { value: count } : { seen: 'none dropped' }
    },
  )
  const { established } = await peer.session('forged')
  const forged = column.our('forged').bgpPeer.sessions
  if (established || forged.establishedCount > 0) throw new Error('the session with the wrong key came up')
  return `up with its key; ${dropped} segments with another key dropped`
}

/** A session over IPv6 that carries VPNv6 routes both ways. */
export const ipv6Transport: Trial = async (column) => {
  await column.established('ipv6')
  const out = await whileAdvertised(column, 'ipv6', 'VPNv6', (words) => Promise.resolve(words))
  const back = await whileReported(column, 'ipv6', 'VPNv6', (words) => Promise.resolve(words))
  return `${out}; ${back}`
}

/** A route of the peer's with a target that we do not want reaches us when we want it, by the peer's own word. */
export const peerFilters: Trial = async (column) => {
  const { peer } = column
  const ours = column.our('vpn')
  await peer.originateWith(SECOND_TARGET)
  const wanted = (is: boolean, what: string) =>
    column.eventually(`${peer.name} advertises ${what}`, async () => {
      const words = await learnt(column, 'vpn', 'VPNv4')
      return words.includes(SECOND_TARGET) === is ? { value: words } : { seen: words }
    })
  return whileReported(column, 'vpn', 'VPNv4', async (before) => {
    if (before.includes(SECOND_TARGET))
      throw new Error(`${peer.name} advertises what we do not want: ${before}`)
    ours.want(SECOND_TARGET)
    const after = await wanted(true, 'what we have come to want')
    ours.unwant(SECOND_TARGET)
    await wanted(false, 'no more what we do not want any more')
    return after
  })
}

/** A route of ours with a target that the peer is no member of reaches it when it becomes one. */
export const weFilter: Trial = async (column) => {
  const { peer } = column
  const ours = column.our('vpn')
  const unwanted = ours.originate('VPNv4', THIRD_TARGET)
  try {
    // What goes out after it is there: it would be, too.
    return await whileAdvertised(column, 'vpn', 'VPNv6', async () => {
      const { length } = await peer.held('vpn', 'VPNv4')
      if (length > 0) throw new Error(`${peer.name} got a route with a target that it did not want`)
      await peer.join(THIRD_TARGET)
      const words = await held(column, 'vpn', 'VPNv4', unwanted)
      await peer.leave(THIRD_TARGET)
      return words
    })
  } finally {
    ours.withdraw('VPNv4')
  }
}
