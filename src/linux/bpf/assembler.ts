/** One instruction of eBPF (RFC 9669 §3), or a jump target. */
export type Line =
  | { readonly label: string }
  | {
      readonly code: number
      readonly dst?: number
      readonly src?: number
      readonly off?: number
      readonly imm?: number
      /** A label instead of an offset. */
      readonly to?: string
    }

/** The frame pointer; the stack grows down from it. */
export const FP = 10

export const label = (name: string): Line => ({ label: name })
export const move = (dst: number, imm: number): Line => ({ code: 0xb7, dst, imm })
export const copy = (dst: number, src: number): Line => ({ code: 0xbf, dst, src })
export const add = (dst: number, imm: number): Line => ({ code: 0x07, dst, imm })
/** Adds the second register to the first. */
export const addRegister = (dst: number, src: number): Line => ({ code: 0x0f, dst, src })
export const and = (dst: number, imm: number): Line => ({ code: 0x57, dst, imm })
export const shiftLeft = (dst: number, imm: number): Line => ({ code: 0x67, dst, imm })
export const loadU8 = (dst: number, src: number, off: number): Line => ({ code: 0x71, dst, src, off })
export const loadU16 = (dst: number, src: number, off: number): Line => ({ code: 0x69, dst, src, off })
export const loadU32 = (dst: number, src: number, off: number): Line => ({ code: 0x61, dst, src, off })
export const loadU64 = (dst: number, src: number, off: number): Line => ({ code: 0x79, dst, src, off })
/** Loads the map behind a file descriptor. */
export const loadMap = (dst: number, fd: number): Line[] => [
  { code: 0x18, dst, src: 1, imm: fd },
  { code: 0 },
]
export const storeU32 = (dst: number, off: number, src: number): Line => ({ code: 0x63, dst, src, off })
/** Makes a number of 16 or 32 bits one in host order, or the reverse. */
export const toNetworkOrder = (dst: number, bits: number): Line => ({ code: 0xdc, dst, imm: bits })
/** Stores 8 octets of a constant. */
export const storeImmediate = (dst: number, off: number, imm: number): Line => ({ code: 0x7a, dst, off, imm })
/** Adds a register to 8 octets in memory, in one step. */
export const addAtomically = (dst: number, off: number, src: number): Line => ({ code: 0xdb, dst, src, off })
export const jump = (to: string): Line => ({ code: 0x05, to })
export const ifEqual = (dst: number, imm: number, to: string): Line => ({ code: 0x15, dst, imm, to })
export const ifNotEqual = (dst: number, imm: number, to: string): Line => ({ code: 0x55, dst, imm, to })
/** Compares two registers. */
export const ifDifferent = (dst: number, src: number, to: string): Line => ({ code: 0x5d, dst, src, to })
/** Both compare the lower 32 bits. */
export const ifEqual32 = (dst: number, imm: number, to: string): Line => ({ code: 0x16, dst, imm, to })
export const ifAnyBit32 = (dst: number, imm: number, to: string): Line => ({ code: 0x46, dst, imm, to })
export const ifAtLeast = (dst: number, imm: number, to: string): Line => ({ code: 0x35, dst, imm, to })
/** The helper that copies octets of a packet or message to the stack. */
export const SKB_LOAD_BYTES = 26
export const call = (helper: number): Line => ({ code: 0x85, imm: helper })
export const exit: Line = { code: 0x95 }

/** The octets of a program, 8 an instruction, in the order of a little-endian host. */
export function assemble(lines: readonly Line[]): Buffer {
  const places = new Map<string, number>()
  let count = 0
  for (const line of lines) {
    if ('label' in line) places.set(line.label, count)
    else count++
  }
  const bytes = Buffer.alloc(count * 8)
  let at = 0
  for (const line of lines) {
    if ('label' in line) continue
    const { code, dst = 0, src = 0, off = 0, imm = 0, to } = line
    const target = to === undefined ? undefined : places.get(to)
    if (to !== undefined && target === undefined) throw new RangeError(`no label ${to}`)
    bytes.writeUInt8(code, at * 8)
    bytes.writeUInt8((src << 4) | dst, at * 8 + 1)
    bytes.writeInt16LE(target === undefined ? off : target - at - 1, at * 8 + 2)
    bytes.writeInt32LE(imm, at * 8 + 4)
    at++
  }
  return bytes
}
