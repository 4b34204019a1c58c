import * as libc from '../../src/linux/libc.ts'
import { outputOf } from '../support/spawn.ts'

const CLONE_NEWNET = 0x40000000

/** Moves this process and the commands that it starts later to a network namespace of its own, which ends with it. */
export function enterOwnNamespace(): void {
  libc.checked(libc.unshare(CLONE_NEWNET), 'unshare')
  run('ip link set lo up')
}

/** Runs a command whose words hold no spaces; answers with what it prints. Where Linux renames no link that is up, before 6.2, that goes down and up. */
export function run(command: string): string {
  try {
    return outputOfWords(command)
  } catch (error) {
    const [, link, name] = /^ip link set (\S+) name (\S+)$/.exec(command) ?? []
    if (link === undefined || !String(error).includes('busy')) throw error
    outputOfWords(`ip link set ${link} down`)
    outputOfWords(command)
    return outputOfWords(`ip link set ${name} up`)
  }
}

function outputOfWords(command: string): string {
  const [program = '', ...words] = command.split(' ')
  return outputOf(program, words)
}
