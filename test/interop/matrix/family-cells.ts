import type { Column, Trial } from './cell.ts'
import { differences, type Facts, type FamilyName, type Field, formatFacts, missing } from './facts.ts'
import { AS, type LinkName } from './links.ts'
import { SECOND_TARGET } from './routes.ts'

/** Our routes of a family, as the peer shows them; and that they go when we withdraw them. */
export const familyOut =
  (family: FamilyName): Trial =>
  (column) =>
    family === 'RTC' ? membershipOut(column) : whileAdvertised(column, 'vpn', family, resolved)

const resolved = (words: string): Promise<string> => Promise.resolve(words)

/** Advertises our routes of a family, lets `act` have the peer's words for them once it shows what they are, and withdraws them. */
export async function whileAdvertised(
  column: Column,
  link: LinkName,
  family: Exclude<FamilyName, 'RTC'>,
  act: (words: string) => Promise<string>,
): Promise<string> {
  const { as } = column.our(link).link
  const reported = column
    .our(link)
    .originate(family)
    .map((facts) => (as !== AS ? { ...facts, asPath: `${as}` } : facts))
  return undone(
    async () => act(await held(column, link, family, reported)),
    async () => {
      await withdraw(column, link, family)
      await heldNoMore(column, link, family, reported)
    },
  )
}

/** Does `act` and, whatever comes of it, `undo`; when both fail, the error of `act` counts. */
async function undone(act: () => Promise<string>, undo: () => Promise<unknown>): Promise<string> {
  const result = await act().catch(async (error: Error) => {
    await undo().catch(() => undefined)
    throw error
  })
  await undo()
  return result
}

/** Withdraws our routes; a peer that keeps them is checked to do so still, and made to forget them. */
export async function withdraw(
  column: Column,
  link: LinkName,
  family: Exclude<FamilyName, 'RTC'>,
): Promise<void> {
  const { peer } = column
  const before = (await peer.session(link)).updatesReceived
  column.our(link).withdraw(family)
  if (peer.keepsWithdrawn === null) return
  column.remarks.add(peer.keepsWithdrawn)
  await column.eventually(`${peer.name} has received our withdrawal`, async () => {
    const { updatesReceived } = await peer.session(link)
    return updatesReceived > before ? { value: true } : { seen: `${updatesReceived} updates` }
  })
  if ((await peer.held(link, family)).length === 0)
    throw new Error(`${peer.name} lets go of withdrawn routes by now: it is noted that it does not`)
  const { bgpPeer } = column.our(link)
  const { establishedCount } = bgpPeer.sessions
  await peer.reset(link)
  await column.eventually('the session is up again', async () =>
    bgpPeer.sessions.establishedCount > establishedCount ? { value: true } : { seen: column.our(link).state },
  )
  await column.established(link)
}

async function membershipOut(column: Column): Promise<string> {
  const ours = column.our('vpn')
  ours.want(SECOND_TARGET)
  const reported = [{ route: `64512:${SECOND_TARGET}` }]
  const words = await held(column, 'vpn', 'RTC', reported)
  ours.unwant(SECOND_TARGET)
  await heldNoMore(column, 'vpn', 'RTC', reported)
  return words
}

/** The peer's routes of a family as it says them, in our RIB; and that they go when it withdraws them. */
export const familyIn =
  (family: FamilyName): Trial =>
  (column) =>
    whileReported(column, 'vpn', family, resolved)

/** Has the peer advertise routes of a family, lets `act` have its words for them once we hold the same, and withdraws them. */
export async function whileReported(
  column: Column,
  link: LinkName,
  family: FamilyName,
  act: (words: string) => Promise<string>,
): Promise<string> {
  const { peer } = column
  const feeder = column.our(link === 'external' ? 'vpn' : 'external')
  if (peer.passesOn !== null) column.remarks.add(peer.passesOn)
  const before = (await peer.reported(link, family)).length
  await peer.originate(family, feeder)
  return undone(
    async () => act(await learnt(column, link, family, (count) => count > before)),
    async () => {
      await peer.withdraw(family, async () => {
        if (family !== 'RTC') await withdraw(column, feeder.link.name, family)
      })
      await learnt(column, link, family, (count) => count === before)
    },
  )
}

/** Waits until the peer shows these routes of ours with these values. */
export async function held(
  column: Column,
  link: LinkName,
  family: FamilyName,
  reported: readonly Facts[],
): Promise<string> {
  const { peer } = column
  const shown = await column.eventually(`${peer.name} shows our ${family} routes as advertised`, async () => {
    const routes = (await peer.held(link, family)).map(({ facts }) => facts)
    const wrong = reported.flatMap((facts) => {
      const match = routes.find(({ route }) => route === facts.route)
      if (match === undefined) return [`no ${facts.route}`]
      const unseen = missing(facts, match).filter((field) => !peer.unshown(family).includes(field))
      return [...differences(facts, match), ...unseen.map((field) => `no ${field}`)]
    })
    return wrong.length === 0
      ? { value: routes }
      : { seen: `${wrong.join(', ')}; it shows: ${routes.map(formatFacts).join(' | ') || 'nothing'}` }
  })
  return shown.map(formatFacts).join(' | ')
}

/** Waits until the peer shows none of these routes of ours. */
async function heldNoMore(
  column: Column,
  link: LinkName,
  family: FamilyName,
  reported: readonly Facts[],
): Promise<void> {
  const gone = new Set(reported.map(({ route }) => route))
  await column.eventually(`${column.peer.name} has our ${family} routes no more`, async () => {
    const routes = (await column.peer.held(link, family)).filter(({ facts }) => gone.has(facts.route))
    return routes.length === 0 ? { value: true } : { seen: `${routes.length} routes` }
  })
}

/** Waits until the peer shows so many routes of the family as advertised to us, and our RIB holds exactly these. */
export async function learnt(
  column: Column,
  link: LinkName,
  family: FamilyName,
  isEnough: (count: number) => boolean = () => true,
): Promise<string> {
  const { peer } = column
  const reported = await column.eventually(`we have the ${family} routes of ${peer.name}`, async () => {
    const theirs = await peer.reported(link, family)
    if (!isEnough(theirs.length)) return { seen: `it shows as advertised to us ${theirs.length}` }
    const wrong = compare(theirs, column.our(link).learnt(family), ['asPath', ...peer.unshown(family)])
    return wrong === '' ? { value: theirs } : { seen: wrong }
  })
  return reported.map(formatFacts).join(' | ')
}

/** Where our routes are not what the peer shows as advertised to us; it may be silent on `unshown` only. */
function compare(theirs: readonly Facts[], ours: readonly Facts[], unshown: readonly Field[]): string {
  const wrong = theirs.flatMap((reported) => {
    const mine = ours.find(({ route }) => route === reported.route)
    if (mine === undefined) return [`no ${reported.route}`]
    const missed = missing(reported, mine).map((field) => `no ${field}`)
    const unsaid = missing(mine, reported).filter((field) => !unshown.includes(field))
    const unsure = unsaid.map((field) => `the peer shows no ${field}`)
    return [...differences(reported, mine), ...missed, ...unsure].map((what) => `${reported.route}: ${what}`)
  })
  if (ours.length !== theirs.length) wrong.push(`${ours.length} routes, not ${theirs.length}`)
  return wrong.length === 0 ? '' : `${wrong.join(', ')}; we have: ${ours.map(formatFacts).join(' | ')}`
}
