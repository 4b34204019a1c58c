import { fetchJson, type Server } from '../../../src/client.ts'

/** Runs a command as root that may not load BPF programs, as in most containers. */
export const WITHOUT_BPF = ['setpriv', '--bounding-set', '-bpf,-sys_admin', '--inh-caps', '-bpf,-sys_admin']

interface Status {
  readonly problems: readonly string[]
  readonly isolation: {
    readonly xdp: number
    readonly tc: number
    readonly open: readonly { readonly instance: string; readonly bridge: string; readonly reason: string }[]
  }
}

export const statusOf = (api: Server): Promise<Status> => fetchJson<Status>(api, '/status')
