import { expect, test } from 'vitest'
import { entryText } from '../../src/cli/status-text.ts'
import { formatEntry, identity } from '../../src/dataplane/kinds/index.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import * as vpn from '../dataplane/ip-entries.ts'

test.each<[Entry, string]>([
  [e.remote(2), 'to 192.0.2.2 vni 100'],
  [e.neighbour('10.0.0.2', 2), 'is 02:00:00:00:00:02'],
  [vpn.fixed('10.1.0.5', 5), 'is 02:00:00:00:00:05'],
  [vpn.route('10.1.0.5/32', ['tap1']), 'by tap1'],
  [vpn.label(1000, 'tap1 via 10.1.0.5'), 'by 10.1.0.5 on tap1'],
])('an entry is shown with where it leads: %#', (entry, text) => {
  expect(shown(entry)).toBe(`${identity(entry)}, ${text}, programmed`)
})

test.each([e.local(1), e.flood('192.0.2.2'), vpn.proxy('10.1.0.7', 'tap1')])(
  'an entry whose words say all is shown with these: %#',
  (entry) => {
    expect(shown(entry)).toBe(`${identity(entry)}, programmed`)
  },
)

function shown(entry: Entry): string {
  return entryText({
    ...formatEntry(entry),
    entry: identity(entry),
    wanted: true,
    state: 'programmed',
    reason: null,
    code: null,
    errno: null,
    since: null,
    next_try: null,
    attempts: 0,
  })
}
