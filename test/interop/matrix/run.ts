import { run } from '../../../src/lab/command.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { addNode, addReflector, type LabHost, UNDERLAY } from '../../../src/lab/network.ts'
import { CELL_NAMES, type CellName, Column, type Outcome } from './cell.ts'
import { TRIALS } from './cells.ts'
import { FAMILY_NAMES } from './facts.ts'
import { LINK_NAMES, type Links, linksOf, peerAddressOf } from './links.ts'
import { Ours } from './ours.ts'
import { PEERS } from './peers/index.ts'
import type { Lack } from './real-peer.ts'
import { TARGET } from './routes.ts'

/** Called for each cell that is decided. */
export type Report = (peer: string, cell: CellName, outcome: Outcome) => void

/** Runs the cells of these columns, the peers side by side. The process moves into the lab's hub. */
export async function runMatrix(lab: Lab, names: readonly string[], report: Report): Promise<void> {
  const hub = await addReflector(lab, '10.77.0.1')
  await run('ip', '-n', hub.namespace, 'link', 'set', UNDERLAY, 'addrgenmode', 'none')
  await Promise.all(
    Object.entries(PEERS).map(async ([name, { make }], i) => {
      if (!names.includes(name)) return
      const number = i + 1
      const links = linksOf(number)
      const namespace = await addPeerHost(lab, hub, name, number, links)
      await runColumn(new Column(make(lab, namespace, links)), links, (cell, outcome) =>
        report(name, cell, outcome),
      )
    }),
  )
}

/** A host for the peer, and an address on the hub for each of our speakers. */
async function addPeerHost(
  lab: Lab,
  hub: LabHost,
  name: string,
  number: number,
  links: Links,
): Promise<string> {
  const { namespace } = await addNode(lab, hub, name.toLowerCase(), peerAddressOf(number))
  const add = (where: string, device: string, ...address: readonly string[]) =>
    run('ip', '-n', where, 'addr', 'add', ...address, 'dev', device)
  await add(namespace, 'eth0', `${links.ipv6.peerAddress}/64`, 'nodad')
  for (const link of LINK_NAMES) {
    const { address } = links[link]
    if (address.includes(':')) await add(hub.namespace, UNDERLAY, `${address}/64`, 'nodad')
    else await add(hub.namespace, UNDERLAY, `${address}/24`)
  }
  return namespace
}

async function runColumn(
  column: Column,
  links: Links,
  report: (cell: CellName, outcome: Outcome) => void,
): Promise<void> {
  const { peer } = column
  let ruin: string | null = null
  try {
    await peer.prepare()
    peer.start()
    await column.eventually(`${peer.name} answers`, async () => ({ value: await peer.answers() }))
    for (const name of LINK_NAMES) column.ours.set(name, await new Ours(links[name]).start())
    await column.established('vpn')
    await column.eventually(`${peer.name} knows its own addresses`, async () =>
      (await peer.knowsItsAddresses('vpn')) ? { value: true } : { seen: 'it does not' },
    )
    column.our('vpn').want(TARGET)
    await peer.join(TARGET)
  } catch (error) {
    ruin = describeFailure(error, column)
  }
  const lacks = ruin === null ? peer.lacks() : {}
  for (const cell of CELL_NAMES) {
    report(cell, ruin === null ? await decide(column, cell, lacks[cell]) : { verdict: 'fail', note: ruin })
  }
  for (const ours of column.ours.values()) ours.stop()
  await peer.kill()
  peer.close()
}

async function decide(column: Column, cell: CellName, lack: Lack | undefined): Promise<Outcome> {
  column.remarks.clear()
  try {
    if (lack === undefined)
      return { verdict: 'pass', note: await TRIALS[cell](column), remarks: [...column.remarks] }
    const family = FAMILY_NAMES.find((name) => cell === `${name} out` || cell === `${name} in`)
    const isAgreed = family !== undefined && column.our('vpn').has(family)
    if (!isAgreed && (await lack.isStillLacking(column)))
      return { verdict: 'not supported by peer', note: lack.note }
    throw new Error(`it can do that by now, and is noted not to: ${lack.note}`)
  } catch (error) {
    return { verdict: 'fail', note: describeFailure(error, column) }
  }
}

function describeFailure(error: unknown, { peer, ours }: Column): string {
  const sessions = [...ours.values()].map(
    ({ link, state, neighbour: peer }) =>
      `${link.name} ${state}${peer.sessions.lastError === null ? '' : ` (${peer.sessions.lastError})`}`,
  )
  return `${(error as Error).message}\n  our sessions: ${sessions.join(', ')}\n  last words of ${peer.name}:\n${peer.tail().replace(/^/gm, '    ')}`
}
