import { type Ip, ipv4FromNumber, ipv4ToNumber, isIpv4 } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import { upTo } from './field.ts'

/** Of an address of either family. */
export const prefixLength = upTo(128)

/** Prefixes as keys: IPv4 ones are kept as numbers, the length above the address. */
export function prefixKey(prefix: Ip, prefixLength: number): Key {
  return isIpv4(prefix)
    ? prefixLength * 2 ** 32 + ipv4ToNumber(prefix)
    : prefix + String.fromCharCode(prefixLength)
}

export function prefixOf(key: Key): { prefix: Ip; prefixLength: number } {
  if (typeof key === 'number') {
    return { prefix: ipv4FromNumber(key % 2 ** 32), prefixLength: Math.floor(key / 2 ** 32) }
  }
  return { prefix: key.slice(0, -1) as Ip, prefixLength: key.charCodeAt(key.length - 1) }
}
