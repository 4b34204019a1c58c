import { codecTargets } from './codecs.ts'
import { decodeCommand } from './decode-command.ts'
import { messageTarget } from './messages.ts'
import { sessionTarget } from './session.ts'
import type { Target } from './target.ts'
import { textTargets } from './texts.ts'

/** Everything that is fuzzed. */
export const targets: readonly Target[] = [
  messageTarget,
  ...codecTargets,
  sessionTarget,
  decodeCommand,
  ...textTargets,
]
