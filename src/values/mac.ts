/** A MAC address: its 48 bits as a number, exact in a double. */
export type Mac = number

const SPELLINGS = [
  /^[0-9a-f]{12}$/i,
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i,
]

/** Reads any usual spelling (colons, dashes, Cisco's dots, none); undefined when `text` is no MAC address. */
export function parseMac(text: string): Mac | undefined {
  return SPELLINGS.some((spelling) => spelling.test(text))
    ? Number.parseInt(text.replace(/[^0-9a-f]/gi, ''), 16)
    : undefined
}

/** Lower case, with colons. */
export function formatMac(mac: Mac): string {
  const digits = mac.toString(16).padStart(12, '0')
  return `${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}:${digits.slice(6, 8)}:${digits.slice(8, 10)}:${digits.slice(10)}`
}

/** Whether the group bit is set: multicast and broadcast addresses identify no station. */
export function isGroupMac(mac: Mac): boolean {
  return Math.floor(mac / 2 ** 40) % 2 === 1
}
