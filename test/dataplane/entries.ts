import type { Bridge, Flood, LocalMac, Neighbour, Port, RemoteMac, Vxlan } from '../../src/dataplane/model.ts'
import { type Ip, parseIp } from '../../src/values/address.ts'

export function ip(text: string): Ip {
  const parsed = parseIp(text)
  if (parsed === undefined) throw new Error(`no IP address: ${text}`)
  return parsed
}

/** `02:00:00:00:00:n`, for any n of up to 40 bits. */
export function mac(n: number): number {
  return 0x02_00_00_00_00_00 + n
}

export const VNI = 100

export const bridge: Bridge = { kind: 'bridge', device: 'br0', external: false, alias: 'chanter:net1' }
export const vxlan: Vxlan = {
  kind: 'vxlan',
  device: 'vx0',
  alias: 'chanter:net1',
  vni: VNI,
  local: ip('192.0.2.1'),
  port: 4789,
  mtu: null,
  underlay: null,
}
export const vxlanPort: Port = {
  kind: 'port',
  device: 'vx0',
  bridge: 'br0',
  external: false,
  learning: false,
  neighSuppress: true,
}
export const tapPort: Port = {
  kind: 'port',
  device: 'tap1',
  bridge: 'br0',
  external: false,
  learning: true,
  neighSuppress: false,
}
export const network = [bridge, vxlan, vxlanPort, tapPort]

export function local(n: number, device = 'tap1'): LocalMac {
  return { kind: 'local-mac', device, mac: mac(n) }
}

export function remote(n: number, dst = '192.0.2.2', vni = VNI): RemoteMac {
  return { kind: 'remote-mac', device: 'vx0', mac: mac(n), dst: ip(dst), vni }
}

export function flood(dst: string, vni = VNI): Flood {
  return { kind: 'flood', device: 'vx0', dst: ip(dst), vni }
}

export function neighbour(address: string, n: number, router = false): Neighbour {
  return { kind: 'neighbour', device: 'br0', ip: ip(address), mac: mac(n), router }
}

/** A network of its own, with no port of a VM yet. */
export function networkOf(n: number): [Bridge, Vxlan, Port] {
  const [name, device] = [`br${n}`, `vx${n}`]
  const alias = `chanter:net${n}`
  return [
    { ...bridge, device: name, alias },
    { ...vxlan, device, alias, vni: n },
    { ...vxlanPort, device, bridge: name },
  ]
}
