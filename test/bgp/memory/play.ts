import { scenarios } from './scenarios.ts'

/** Plays one scenario in a process of its own, whose heap is as large as its arguments to Node say. */
await scenarios[process.argv[2]!]!.play()
