import * as libc from '../../src/linux/libc.ts'
import { outputOf } from '../support/spawn.ts'

const CLONE_NEWNET = 0x40000000

/** Moves this process and the commands that it starts later to a network namespace of its own, which ends with it. */
export function enterOwnNamespace(): void {
  libc.checked(libc.unshare(CLONE_NEWNET), 'unshare')
  run('ip link set lo up')
}

/** Runs a command whose words hold no spaces; answers with what it prints. */
export function run(command: string): string {
  const [program = '', ...words] = command.split(' ')
  return outputOf(program, words)
}
