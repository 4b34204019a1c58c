import { existsSync, statSync } from 'node:fs'
import type { NetworkInterfaceInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import {
  formatIp,
  type InterfaceAddress,
  IPV4_LENGTH,
  type Ip,
  isLinkLocal,
  parseInterfaceAddress,
  parseIp,
  unmapped,
} from '../values/address.ts'
import { pathReason } from '../values/path-reason.ts'
import { KeyFile } from './key-file.ts'
import { PemFile } from './pem-file.ts'

/** The result of os.networkInterfaces(): interfaces that are up and have an address. */
export type Interfaces = Readonly<
  Record<string, readonly Pick<NetworkInterfaceInfo, 'address'>[] | undefined>
>

/** Why a text is no value of its type; an empty message adds nothing to the type's `allowed`. */
export class InvalidValue extends Error {}

/** The type of an option's values: how their text is read, and the allowed values for messages. */
export interface Type<T> {
  readonly allowed: string
  /** Throws `InvalidValue`. */
  readonly parse: (text: string) => T
  /** The displayed form of a value in the looking glass and the documentation; by default the value itself. */
  readonly show?: (value: T) => unknown
  /** Whether a wrong text may be a secret; by default none is. */
  readonly isSecret?: (text: string) => boolean
  /** The machine decides what a text means. */
  readonly isLookedUp?: true
}

export function shown<T>({ show }: Type<T>, value: T): unknown {
  return show === undefined ? value : show(value)
}

export function formatNetwork({ ip, prefixLength }: InterfaceAddress): string {
  return `${formatIp(ip)}/${prefixLength}`
}

export const text: Type<string> = { allowed: 'any text', parse: (value) => value }

/** Null for an empty text. */
export const path: Type<string | null> = { allowed: 'a path, or nothing', parse: (value) => value || null }

/** Of a file that is renamed and replaced: that must not befall a device such as /dev/null. */
export const statePath: Type<string | null> = {
  allowed: 'the path of a file, or nothing',
  parse(value) {
    if (existsSync(value) && !statSync(value).isFile()) throw new InvalidValue('it is no regular file')
    return value || null
  },
}

const TRUE = ['true', '1', 'on', 'yes']
const FALSE = ['false', '0', 'off', 'no']

export const boolean: Type<boolean> = {
  allowed: 'true, false, yes, no, on, off, 1 or 0',
  parse(value) {
    const word = value.toLowerCase()
    if (!TRUE.includes(word) && !FALSE.includes(word)) throw new InvalidValue()
    return TRUE.includes(word)
  },
}

export function oneOf<const T extends string>(...words: readonly T[]): Type<T> {
  return {
    allowed: alternatives(words),
    parse(value) {
      const word = words.find((one) => one === value)
      if (word === undefined) throw new InvalidValue()
      return word
    },
  }
}

/** The same, whatever the case of its letters. */
export function oneOfAnyCase<const T extends string>(...words: readonly T[]): Type<T> {
  return {
    allowed: alternatives(words),
    parse(value) {
      const word = words.find((one) => one.toLowerCase() === value.toLowerCase())
      if (word === undefined) throw new InvalidValue()
      return word
    },
  }
}

function alternatives(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** A value, or the word for none, which overrides the value for all. */
export function orNone<T>(type: Type<T>): Type<T | null> {
  return {
    allowed: `${type.allowed}, or none`,
    parse: (value) => (value === 'none' ? null : type.parse(value)),
    show: (value) => (value === null ? null : shown(type, value)),
    ...(type.isSecret === undefined ? {} : { isSecret: type.isSecret }),
  }
}

/** People write the key itself where its file belongs: only an absolute path is shown. */
export const keyFile: Type<KeyFile> = {
  allowed: 'the path of a file that holds a key',
  parse(value) {
    try {
      return new KeyFile(value)
    } catch (error) {
      throw new InvalidValue(isAbsolute(value) ? pathReason(error) : 'no such file, or no key in it')
    }
  },
  show: ({ path }) => path,
  isSecret: (value) => !isAbsolute(value),
}

/** Octets of a token: fewer can be guessed. */
const MIN_TOKEN_OCTETS = 16

/** A token is in the form of a header (RFC 6750 §2.1). */
export const tokenFile: Type<KeyFile> = {
  ...keyFile,
  allowed: `the path of a file with a token of ${MIN_TOKEN_OCTETS} to 80 letters, digits or -._~+/, as \`openssl rand -hex 32\` writes it`,
  parse(value) {
    const file = keyFile.parse(value)
    if (file.key.length < MIN_TOKEN_OCTETS) throw new InvalidValue(`${value} holds a token that is too short`)
    if (!/^[\w.~+/-]+=*$/.test(file.key))
      throw new InvalidValue(`${value} holds characters that no token has`)
    return file
  },
}

/** Certificates, or a key of one. */
export const pemFile: Type<PemFile> = {
  allowed: 'the path of a PEM file',
  parse(value) {
    try {
      return new PemFile(value)
    } catch (error) {
      throw new InvalidValue(pathReason(error))
    }
  },
  show: ({ path }) => path,
}

/** The permissions of a file. */
export const fileMode: Type<number> = {
  allowed: 'an octal mode such as 0660',
  parse(value) {
    if (!/^0?[0-7]{3}$/.test(value)) throw new InvalidValue()
    return Number.parseInt(value, 8)
  },
  show: (mode) => mode.toString(8).padStart(4, '0'),
}

export function integer(
  from: number,
  to: number,
  accepts: (value: number) => boolean = () => true,
): Type<number> {
  return {
    allowed: `an integer from ${from} to ${to}`,
    parse(value) {
      const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
      if (!(number >= from && number <= to && accepts(number))) throw new InvalidValue()
      return number
    },
  }
}

/** The numbers from one to another, as `16-1000`. */
export function range(from: number, to: number): Type<readonly [first: number, last: number]> {
  return {
    allowed: `two integers from ${from} to ${to} with a hyphen between them, such as ${from}-${to}`,
    parse(value) {
      const [, first, last] = /^(\d{1,10})\s*-\s*(\d{1,10})$/.exec(value)?.map(Number) ?? []
      if (first === undefined || last === undefined || first < from || last > to) throw new InvalidValue()
      if (first > last) throw new InvalidValue('the first is greater than the last')
      return [first, last]
    },
    show: ([first, last]) => `${first}-${last}`,
  }
}

/** Leaves room for seven digits in a name of 15 octets. */
export const vrfPrefix: Type<string> = {
  allowed: '1 to 8 letters, digits, hyphens, dots or underscores',
  parse(value) {
    if (!/^[\w.-]{1,8}$/.test(value) || value === '.' || value === '..') throw new InvalidValue()
    return value
  },
}

/** How labelled packets leave: by an interface, or by tunnels to the other nodes; null for an empty text. */
export const mplsTransport: Type<{ interface: string } | { tunnels: 'gre' | 'udp' } | null> = {
  allowed: 'the name of an interface, `*gre*` or `*udp*`',
  parse(value) {
    if (value === '*gre*') return { tunnels: 'gre' }
    if (value === '*udp*') return { tunnels: 'udp' }
    if (/[\s/*]/.test(value)) throw new InvalidValue('no interface has such a name')
    return value === '' ? null : { interface: value }
  },
  show(value) {
    if (value === null) return ''
    return 'tunnels' in value ? `*${value.tunnels}*` : value.interface
  },
}

export const port = integer(1, 65_535)

export const holdTime: Type<number> = {
  ...integer(0, 65_535, (seconds) => seconds === 0 || seconds >= 3),
  allowed: '0 (no keepalives) or a number of seconds from 3 to 65535',
}

/** An address of one host. */
export const address: Type<Ip> = {
  allowed: 'an IPv4 or IPv6 address',
  parse(value) {
    const ip = parseIp(value)
    if (ip === undefined) throw new InvalidValue()
    if (!identifiesHost(ip)) throw new InvalidValue('no host has this address')
    if (isLinkLocal(ip))
      throw new InvalidValue('a link-local address needs an interface, which cannot be named')
    if (unmapped(ip) !== ip) throw new InvalidValue(`write ${formatIp(unmapped(ip))}`)
    return ip
  },
  show: formatIp,
}

export const ipv4Address: Type<Ip> = {
  ...address,
  allowed: 'an IPv4 address',
  parse(value) {
    if (parseIp(value)?.length !== IPV4_LENGTH) throw new InvalidValue()
    return address.parse(value)
  },
}

/** A prefix; bits behind its length are allowed and do not count. */
export const prefix: Type<InterfaceAddress> = {
  allowed: 'a prefix such as 192.0.2.0/24',
  parse(value) {
    const parsed = parseInterfaceAddress(value)
    if (!value.includes('/') || parsed === undefined) throw new InvalidValue()
    if (unmapped(parsed.ip) !== parsed.ip) throw new InvalidValue('write the prefix of IPv4 addresses')
    return parsed
  },
  show: formatNetwork,
}

/** An address, or the name of an interface that has one: its first IPv4, else its first IPv6 address beyond the link. */
export function interfaceAddress(interfaces: Interfaces): Type<Ip> {
  return {
    ...address,
    allowed: 'an IPv4 or IPv6 address, or the name of an interface that has one',
    isLookedUp: true,
    parse(value) {
      if (parseIp(value) !== undefined) return address.parse(value)
      const known = Object.keys(interfaces)
      const owned = interfaces[value]
      if (!owned)
        throw new InvalidValue(`no interface of that name is up with an address (${known.join(', ')})`)
      const usable = owned
        .map((info) => parseIp(info.address))
        .filter((ip) => ip !== undefined)
        .filter((ip) => identifiesHost(ip) && !isLinkLocal(ip))
        .sort((a, b) => a.length - b.length)[0]
      if (usable === undefined) throw new InvalidValue('that interface has no usable address')
      return usable
    },
  }
}

export const host: Type<string> = {
  allowed: 'an IPv4 or IPv6 address, or a host name',
  parse(value) {
    if (parseIp(value) === undefined && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value))
      throw new InvalidValue()
    return value
  },
}

/** Values between commas, each once. */
export function listOf<T>(item: Type<T>, allowed: string): Type<T[]> {
  return {
    allowed,
    parse(value) {
      const list = value.trim().replace(/,$/, '')
      const values = list === '' ? [] : list.split(',').map((part) => item.parse(part.trim()))
      return [...new Map(values.map((one) => [shown(item, one), one])).values()]
    },
    show: (values) => values.map((value) => shown(item, value)),
  }
}

/** bagpipe-bgp's older names of its drivers, and the one that chanter lacks. */
const DRIVERS: Readonly<Record<string, 'dummy' | 'linux' | 'ovs'>> = {
  dummy: 'dummy',
  DummyDataplaneDriver: 'dummy',
  linux: 'linux',
  LinuxVXLANDataplaneDriver: 'linux',
  MPLSLinuxDataplaneDriver: 'linux',
  ovs: 'ovs',
  OVSDataplaneDriver: 'ovs',
  MPLSOVSDataplaneDriver: 'ovs',
}

export const driver: Type<'dummy' | 'linux'> = {
  allowed: 'dummy or linux',
  parse(value) {
    const name = DRIVERS[value.split('.').at(-1) ?? '']
    if (name === undefined) throw new InvalidValue()
    if (name === 'ovs') throw new InvalidValue('chanter has no Open vSwitch driver')
    return name
  },
}

/** Facilities of syslog(3) by their number. */
const FACILITIES = [
  ...['KERN', 'USER', 'MAIL', 'DAEMON', 'AUTH', 'SYSLOG', 'LPR', 'NEWS', 'UUCP', 'CRON', 'AUTHPRIV', 'FTP'],
  ...[null, null, null, null],
  ...['LOCAL0', 'LOCAL1', 'LOCAL2', 'LOCAL3', 'LOCAL4', 'LOCAL5', 'LOCAL6', 'LOCAL7'],
]

/** The number of a facility of syslog(3). */
export const syslogFacility: Type<number> = {
  allowed: 'a facility of syslog such as LOG_DAEMON or local0',
  parse(value) {
    const number = FACILITIES.indexOf(value.toUpperCase().replace(/^LOG_/, ''))
    if (number === -1) throw new InvalidValue()
    return number
  },
  show: (number) => `LOG_${FACILITIES[number]}`,
}

function identifiesHost(ip: Ip): boolean {
  const first = ip.charCodeAt(0)
  const unspecified = [...ip].every((octet) => octet === '\0')
  return !unspecified && (ip.length === IPV4_LENGTH ? first < 224 : first !== 0xff)
}
