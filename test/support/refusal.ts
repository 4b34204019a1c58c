import { constants } from 'node:os'
import { kernelRefusal, type Refusal } from '../../src/dataplane/refusal.ts'

/** What the kernel answers with that errno. */
export function refusal(errno: keyof typeof constants.errno, sentence = ''): Refusal {
  return kernelRefusal(constants.errno[errno], sentence)
}
