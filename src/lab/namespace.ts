import { closeSync, existsSync, openSync } from 'node:fs'
import { checked, setns } from '../linux/libc.ts'
import { runSync } from './command.ts'

const CLONE_NEWNET = 0x40000000

/**
 * Moves this process's main thread into a named network namespace: sockets that it opens and children that it starts
 * from now on live there. Returns a function that moves it back.
 */
export function enterNamespace(name: string): () => void {
  const home = openSync('/proc/self/ns/net', 'r')
  const target = openSync(pathOf(name), 'r')
  enter(target)
  closeSync(target)
  return () => {
    enter(home)
    closeSync(home)
  }
}

/** Removes a named namespace, when there is one; its contents end with its last process. */
export function removeNamespace(name: string): void {
  if (isNamespace(name)) runSync('ip', 'netns', 'del', name)
}

export function isNamespace(name: string): boolean {
  return existsSync(pathOf(name))
}

function pathOf(name: string): string {
  return `/run/netns/${name}`
}

function enter(fd: number): void {
  checked(setns(fd, CLONE_NEWNET), 'setns')
}
