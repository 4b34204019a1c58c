import { z } from 'zod'
import { askBridge, askIp } from './ip-batch.ts'
import { run } from './namespace.ts'

const fdbEntries = z.array(
  z.object({
    mac: z.string(),
    ifname: z.string(),
    dst: z.string().optional(),
    vni: z.number().optional(),
    master: z.string().optional(),
    flags: z.array(z.string()),
    state: z.string(),
  }),
)

const neighbours = z.array(
  z.object({
    dst: z.string(),
    lladdr: z.string().optional(),
    extern_learn: z.null().optional(),
    router: z.null().optional(),
    state: z.array(z.string()),
  }),
)

const links = z.array(
  z.looseObject({
    ifindex: z.number(),
    ifname: z.string(),
    ifalias: z.string().optional(),
    mtu: z.number(),
    master: z.string().optional(),
    address: z.string().optional(),
    flags: z.array(z.string()),
    linkinfo: z
      .object({
        info_kind: z.string().optional(),
        info_data: z.record(z.string(), z.unknown()).optional(),
        info_slave_data: z.record(z.string(), z.unknown()).optional(),
      })
      .optional(),
  }),
)

export type FdbEntry = Omit<z.infer<typeof fdbEntries>[number], 'ifname'>

/** The kernel as iproute2 shows it: an independent witness. */
export const iproute = {
  fdb: (device: string): FdbEntry[] =>
    fdbEntries
      .parse(askBridge('fdb show'))
      .flatMap(({ ifname, ...entry }) => (ifname === device ? [entry] : [])),
  neighbours: (device: string) => neighbours.parse(json(`ip -j neigh show dev ${device} nud all`)),
  links: () => links.parse(askIp('link show')),
  link: (name: string) => iproute.links().find((link) => link.ifname === name),
}

function json(command: string): unknown {
  return JSON.parse(run(command) || '[]')
}
