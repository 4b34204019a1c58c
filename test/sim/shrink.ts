import { play } from './simulation.ts'
import type { Story } from './story.ts'

/** The fewest events of a story after which it is still wrong in the same way (delta debugging); `progress` gets the number of those left. */
export async function shrink(story: Story, progress: (left: number) => void): Promise<Story> {
  const faults = new Set((await play(story)).wrong.map(kindOf))
  const fails = async (shorter: Story): Promise<boolean> =>
    (await play(shorter)).wrong.some((line) => faults.has(kindOf(line)))
  const events = await fewest(story.events, (some) => fails({ ...story, events: some }), progress)
  const withLast = (last: Story['afterwards']['events']): Story => {
    return { ...story, events, afterwards: { ...story.afterwards, events: last } }
  }
  const last = await fewest(
    story.afterwards.events,
    (some) => fails(withLast(some)),
    (left) => progress(events.length + left),
  )
  return withLast(last)
}

/** The kind of fault, without machine, address or label. */
const kindOf = (line: string): string => line.replace(/\d+/g, '#')

/** A part of `all` that still `fails`, and does not without any one of its own; pieces that are left out become ever smaller. */
export async function fewest<T>(
  all: readonly T[],
  fails: (some: readonly T[]) => Promise<boolean>,
  progress: (left: number) => void,
): Promise<readonly T[]> {
  let left = all
  let size = Math.ceil(all.length / 2)
  while (size > 0) {
    const before = left.length
    for (let at = 0; at < left.length; ) {
      const rest = [...left.slice(0, at), ...left.slice(at + size)]
      if (await fails(rest)) {
        left = rest
        progress(left.length)
      } else at += size
    }
    // what could not go alone at first may go once others have gone
    if (size > 1) size = Math.floor(size / 2)
    else if (left.length === before) size = 0
  }
  return left
}
