/** The octets of a text in UTF-8, without the characters at its end that do not fit. */
export function utf8(text: string, maxLength: number): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  let length = Math.min(bytes.length, maxLength)
  // Do not cut before a continuation octet.
  if (length < bytes.length) while (length > 0 && (bytes[length]! & 0xc0) === 0x80) length--
  return bytes.subarray(0, length)
}
