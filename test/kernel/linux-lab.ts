import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Reconciler } from '../../src/dataplane/engine/reconciler.ts'
import type { Eventual } from '../../src/dataplane/eventual.ts'
import { LinuxDriver, type LinuxDriverOptions } from '../../src/dataplane/linux/driver.ts'
import type { Entry, Flood, RemoteMac } from '../../src/dataplane/model.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { formatIp } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import { VNI } from '../dataplane/entries.ts'
import * as vpn from '../dataplane/ip-entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { noEvents } from '../support/events.ts'
import { spawnSync } from '../support/spawn.ts'
import { forgetIp, holdsIp, type IpEntry, overwriteIp } from './ip-witness.ts'
import { iproute } from './iproute.ts'
import { run } from './namespace.ts'

/** Turns of the event loop in which all work that was noticed is done, but for very large work. */
const CALM_TURNS = 1000
/** In so many of them the kernel is asked for news, which takes long in the guest. */
const CALM_POLLS = 100

/** A lab with the interface tap1, in which these entries are programmed, and its engine. */
export async function programmedLab(
  entries: readonly Entry[],
  options: Parameters<Lab['restart']>[0],
  driverOptions: Partial<LinuxDriverOptions> = {},
): Promise<[Lab, Reconciler]> {
  const lab = linuxLab(driverOptions)
  const dataplane = lab.restart(options)
  lab.addInterface('tap1')
  for (const entry of entries) dataplane.want(entry)
  expect(await dataplane.settled(entries)).toEqual([])
  return [lab, dataplane]
}

/** Linux in the namespace of this process, which is emptied of links when the lab closes. */
export function linuxLab(options: Partial<LinuxDriverOptions> = {}): Lab {
  const { clock = systemClock } = options
  let driver = new LinuxDriver({ ...options, clock })
  let reconciler: Reconciler | undefined
  let monitor: ChildProcess | undefined

  function stop(): void {
    reconciler?.stop()
    driver.close()
  }

  async function calm(): Promise<void> {
    for (let i = 0; i < CALM_TURNS; i++) {
      if (i % (CALM_TURNS / CALM_POLLS) === 0) driver.poll()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  function until(condition: () => Eventual<boolean>): Promise<void> {
    return eventually(String(condition), async () =>
      (await condition()) ? { value: undefined } : { seen: 'it does not hold' },
    )
  }

  return {
    get driver() {
      return driver
    },
    restart({ deaf = false, resyncMs = 0 } = {}) {
      stop()
      driver = new LinuxDriver({ ...options, clock })
      if (deaf) driver.watch = () => {}
      reconciler = new Reconciler({ clock, driver, events: noEvents, resyncMs })
      reconciler.start()
      return reconciler
    },
    addInterface: (name) => void run(`ip tuntap add ${name} mode tap`),
    addUp: (...names) => batch(names.map((name) => `link add ${name} up type dummy`)),
    addBridge: (name) => void run(`ip link add ${name} up type bridge`),
    deleteLink: (name) => void run(`ip link del ${name}`),
    rename: (name, to) => void run(`ip link set ${name} name ${to}`),
    enslave: (name, master) =>
      void run(`ip link set ${name} ${master === null ? 'nomaster' : `master ${master}`}`),
    setAlias: (name, alias) => void run(`ip link set ${name} alias ${alias}`),
    setMtu: (name, mtu) => void run(`ip link set ${name} mtu ${mtu}`),
    setUp: (name) => void run(`ip link set ${name} up`),
    setDown: (name) => void run(`ip link set ${name} down`),
    spoil: (name) => writeFileSync(`/proc/sys/net/ipv4/conf/${name}/forwarding`, '0'),
    forget: (entry) => (isIpEntry(entry) ? forgetIp(entry, runIp) : void run(forgetCommand(entry))),
    overwrite: (entry, marked = false) =>
      isIpEntry(entry)
        ? overwriteIp(entry, marked, runIp)
        : void run(`${overwriteCommand(entry)}${marked ? ' extern_learn' : ''}`),
    holds,
    indexOf: (name) => iproute.link(name)?.ifindex,
    async deletions() {
      monitor = spawn('ip', ['-o', 'monitor', 'link', 'neigh', 'address', 'route', 'nexthop'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      monitor.stdout?.on('data', (data) => {
        text += data
      })
      /** A link that comes and goes: its notification comes after all earlier ones. */
      const mark = async (name: string) => {
        await until(() => {
          run(`ip tuntap add ${name} mode tap`)
          run(`ip link del ${name}`)
          return text.includes(name)
        })
      }
      await mark('mark1')
      const from = text.length
      return async () => {
        await mark('mark2')
        return text
          .slice(from)
          .split('\n')
          .filter((line) => line.startsWith('Deleted') && !NOISE.test(line))
      }
    },
    until,
    wait: async (answer) => answer,
    calm,
    close() {
      stop()
      monitor?.kill()
      const links = iproute.links().filter(({ ifname }) => ifname !== 'lo')
      const flushes = vpn.TABLES.map((table) => `route flush table ${table}`)
      const ports = ['127.0.0.1', '::1 -6'].map((local) => `fou del port 6635 local ${local}`)
      batch([...links.map(({ ifname }) => `link del ${ifname}`), ...flushes, ...ports])
      batch(flushes, '-6')
    },
  }
}

/** Runs commands of `ip` in one process; one that fails, since its interface went with another, does not stop the others. */
function batch(commands: readonly string[], ...options: readonly string[]): void {
  spawnSync('ip', [...options, '-force', '-batch', '-'], commands.join('\n'))
}

function runIp(command: string): void {
  run(`ip ${command}`)
}

function isIpEntry(entry: Entry): entry is IpEntry {
  switch (entry.kind) {
    case 'bridge':
    case 'vxlan':
    case 'port':
    case 'local-mac':
    case 'remote-mac':
    case 'flood':
    case 'neighbour':
      return false
    default:
      entry satisfies IpEntry
      return true
  }
}

/** The marks, and multicast addresses that the kernel itself joins and leaves. */
const NOISE = /mark\d|lladdr (33:33|01:00:5e)/

function forgetCommand(entry: Entry): string {
  switch (entry.kind) {
    case 'local-mac':
      return `bridge fdb del ${formatMac(entry.mac)} dev ${entry.device} master`
    case 'remote-mac':
      return `bridge fdb del ${formatMac(entry.mac)} dev ${entry.device} self master`
    case 'flood':
      return `bridge fdb del 00:00:00:00:00:00 dev ${entry.device} dst ${formatIp(entry.dst)} vni ${entry.vni} self`
    case 'neighbour':
      return `ip neigh del ${formatIp(entry.ip)} dev ${entry.device}`
    default:
      return `ip link del ${entry.device}`
  }
}

function overwriteCommand(entry: Entry): string {
  switch (entry.kind) {
    case 'local-mac':
      return `bridge fdb replace ${formatMac(entry.mac)} dev ${entry.device} master static`
    case 'remote-mac':
      return `bridge fdb replace ${formatMac(entry.mac)} dev ${entry.device} dst ${formatIp(entry.dst)} self static`
    case 'neighbour':
      return `ip neigh replace ${formatIp(entry.ip)} lladdr ${formatMac(entry.mac)} dev ${entry.device} nud permanent`
    default:
      throw new Error(`no test overwrites a ${entry.kind}`)
  }
}

function holds(entry: Entry): boolean {
  if (isIpEntry(entry)) return holdsIp(entry)
  const link = iproute.link(entry.device)
  if (link === undefined) return false
  const { info_kind, info_data, info_slave_data } = link.linkinfo ?? {}
  const ours = 'alias' in entry && link.ifalias === entry.alias && link.flags.includes('UP')
  switch (entry.kind) {
    case 'bridge':
      return (
        info_kind === 'bridge' &&
        ((entry.external && !link.ifalias?.startsWith('chanter:')) ||
          (ours && info_data?.['stp_state'] === 0 && info_data['forward_delay'] === 0))
      )
    case 'vxlan': {
      const { id, local, local6, port, learning } = info_data ?? {}
      const address = formatIp(entry.local)
      return (
        ours &&
        id === entry.vni &&
        port === entry.port &&
        learning === false &&
        (local ?? local6) === address &&
        (entry.mtu ?? link.mtu) === link.mtu
      )
    }
    case 'port':
      return (
        link.master === entry.bridge &&
        (entry.external ||
          (info_slave_data?.['learning'] === entry.learning &&
            info_slave_data['neigh_suppress'] === entry.neighSuppress))
      )
    case 'local-mac':
      return holdsBridged(entry.device, formatMac(entry.mac))
    case 'remote-mac': {
      const mac = formatMac(entry.mac)
      return holdsTunnel(entry, mac) && (link.master === undefined || holdsBridged(entry.device, mac))
    }
    case 'flood':
      return holdsTunnel(entry, '00:00:00:00:00:00')
    case 'neighbour':
      return iproute
        .neighbours(entry.device)
        .some(
          ({ dst, lladdr, state, extern_learn, router }) =>
            dst === formatIp(entry.ip) &&
            lladdr === formatMac(entry.mac) &&
            extern_learn === null &&
            (router === null) === entry.router &&
            state.includes('NOARP'),
        )
    default:
      return entry satisfies never
  }
}

function holdsBridged(device: string, mac: string): boolean {
  return iproute
    .fdb(device)
    .some((held) => held.mac === mac && held.master !== undefined && held.flags.includes('extern_learn'))
}

function holdsTunnel({ device, dst, vni }: RemoteMac | Flood, mac: string): boolean {
  return iproute
    .fdb(device)
    .some(
      (held) =>
        held.mac === mac &&
        held.master === undefined &&
        held.dst === formatIp(dst) &&
        (held.vni ?? VNI) === vni,
    )
}
