import { execFileSync } from 'node:child_process'
import { removeAbandoned } from './network.ts'

/** What the tests cannot do without, in a namespace that ends with the command. */
const TRIAL = [
  'link set lo up',
  'link add red type vrf table 10',
  'route add 192.0.2.0/24 encap mpls 100 via inet 127.0.0.2 dev lo',
]

/** Where the programs are that the tests start; to look for one in vain elsewhere takes the guest longer than to run it. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** Reports at once, and not by a hundred failures, that this kernel cannot run the tests. */
export default function setup(): void {
  process.env['PATH'] = `${SYSTEM_PATH}:${process.env['PATH']}`
  try {
    execFileSync('unshare', ['--net', 'ip', '-batch', '-'], { input: TRIAL.join('\n'), stdio: 'pipe' })
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: Buffer }
    const [why = message] = stderr?.toString().split('\n').filter(Boolean) ?? []
    throw new Error(
      `this kernel lacks MPLS or VRFs, or you are not root (${why}): run scripts/guest.sh vitest run --project guest`,
    )
  }
  removeAbandoned()
}
