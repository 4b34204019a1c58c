import { run } from '../../../src/lab/command.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { addNode, addReflector, type Host, UNDERLAY } from '../../../src/lab/network.ts'
import { CELL_NAMES, type CellName, Column, type Outcome } from './cell.ts'
import { TRIALS } from './cells.ts'
import { LINK_NAMES, type Links, linksOf, peerAddressOf } from './links.ts'
import { Ours } from './ours.ts'
import { PEERS } from './peers/index.ts'
import { TARGET } from './routes.ts'

/** Told of each cell that is decided. */
export type Report = (peer: string, cell: CellName, outcome: Outcome) => void

/** Runs the cells of these columns, the peers side by side. The process moves into the lab's hub. */
export async function runMatrix(lab: Lab, names: readonly string[], report: Report): Promise<void> {
  const hub = await addReflector(lab, '10.77.0.1')
  await run('ip', '-n', hub.namespace, 'link', 'set', UNDERLAY, 'addrgenmode', 'none')
  await Promise.all(
    Object.entries(PEERS).map(async ([name, make], i) => {
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

async function addPeerHost(lab: Lab, hub: Host, name: string, number: number, links: Links): Promise<string> {
  const { namespace } = await addNode(lab, hub, name.toLowerCase(), peerAddressOf(number))
  const add = (where: string, device: string, address: string) =>
    run(
      'ip',
      '-n',
      where,
      'addr',
      'add',
      `${address}/${address.includes(':') ? '64' : '24'}`,
      'dev',
      device,
      ...(address.includes(':') ? ['nodad'] : []),
    )
  await add(namespace, 'eth0', links.ipv6.peerAddress)
  for (const link of LINK_NAMES) await add(hub.namespace, UNDERLAY, links[link].address)
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
    await column.eventually(`${peer.name} answers`, async () => ({ value: await peer.answers() }), 30)
    for (const name of LINK_NAMES) column.ours.set(name, await new Ours(links[name]).start())
    await column.established('vpn')
    column.our('vpn').want(TARGET)
    await peer.join(TARGET)
  } catch (error) {
    ruin = describeFailure(error, column)
  }
  const lacks = peer.lacks()
  for (const cell of CELL_NAMES) {
    if (ruin !== null) {
      report(cell, { verdict: 'fail', note: ruin })
      continue
    }
    column.remarks.clear()
    try {
      const lack = lacks[cell]
      if (lack === undefined)
        report(cell, { verdict: 'pass', note: await TRIALS[cell](column), remarks: [...column.remarks] })
      else if (await lack.isStillLacking(column))
        report(cell, { verdict: 'not supported by peer', note: lack.note })
      else
        report(cell, {
          verdict: 'fail',
          note: `it has it by now, and this test does not know how to use it; it said: ${lack.note}`,
        })
    } catch (error) {
      report(cell, { verdict: 'fail', note: describeFailure(error, column) })
    }
  }
  for (const ours of column.ours.values()) ours.stop()
  await peer.kill()
  peer.close()
}

function describeFailure(error: unknown, { peer, ours }: Column): string {
  const sessions = [...ours.values()].map(
    ({ link, state, neighbour }) =>
      `${link.name} ${state}${neighbour.peer.lastError === null ? '' : ` (${neighbour.peer.lastError})`}`,
  )
  return `${(error as Error).message}\n  our sessions: ${sessions.join(', ')}\n  last words of ${peer.name}:\n${peer.tail().replace(/^/gm, '    ')}`
}
