import { expect, test } from 'vitest'
import type { Entry } from '../../../src/dataplane/model.ts'
import type { Fixture } from '../fixture.ts'

/** What deletes no entry; `links` are the owned devices among them. */
export function unchanged(t: Fixture, everything: readonly Entry[], links: readonly string[]): void {
  test('a new daemon adopts what is programmed as desired, without a change', async () => {
    await t.wantInPlace(...everything)
    const indexes = links.map((link) => t.lab.indexOf(link))
    const deletions = await t.lab.deletions()
    t.restart()
    await t.wantInPlace(...everything)
    t.dataplane.complete()
    await t.lab.calm()
    expect(await deletions()).toEqual([])
    expect(links.map((link) => t.lab.indexOf(link))).toEqual(indexes)
  })

  test('an entry unwanted and wanted again at once stays', async () => {
    await t.wantInPlace(...everything)
    const deletions = await t.lab.deletions()
    for (const entry of everything) t.dataplane.unwant(entry)
    await t.wantInPlace(...everything)
    await t.lab.calm()
    expect(await deletions()).toEqual([])
  })
}
