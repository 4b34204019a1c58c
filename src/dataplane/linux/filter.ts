import {
  exit,
  FP,
  ifAnyBit32,
  ifEqual32,
  jump,
  type Line,
  label,
  loadU8,
  loadU16,
  loadU32,
  move,
  toNetworkOrder,
} from '../../linux/bpf/assembler.ts'

/** Classic BPF instructions: code, jumps if true and if false, operand. Multi-octet loads are in network order. */
export type Instruction = [code: number, yes: number, no: number, operand: number]
export const LOAD_U32 = 0x20
export const LOAD_U16 = 0x28
export const LOAD_U8 = 0x30
export const IF_EQUAL = 0x15
export const IF_ANY_BIT = 0x45
export const RETURN = 0x06
export const DROP: Instruction = [RETURN, 0, 0, 0]
export const PASS: Instruction = [RETURN, 0, 0, 0xffffffff]

/** In the form for `NetlinkSocket.filter`. */
export function program(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8)
  for (const [i, [code, yes, no, operand]] of instructions.entries()) {
    bytes.writeUInt16LE(code, i * 8)
    bytes.writeUInt8(yes, i * 8 + 2)
    bytes.writeUInt8(no, i * 8 + 3)
    bytes.writeUInt32LE(operand, i * 8 + 4)
  }
  return bytes
}

/**
 * In the form for an eBPF program that has the beginning of the message on its stack, from `message` on; what is neither dropped nor passed goes on
 * behind it. `name` tells its labels from others. It uses register 0 alone.
 */
export function translated(name: string, instructions: readonly Instruction[], message: number): Line[] {
  const place = (i: number) => `${name} ${i}`
  const lines = instructions.flatMap(([code, yes, no, operand], i): Line[] => {
    const own = label(place(i))
    const next = [place(i + 1 + yes), place(i + 1 + no)] as const
    switch (code) {
      case LOAD_U8:
        return [own, loadU8(0, FP, message + operand)]
      case LOAD_U16:
        return [own, loadU16(0, FP, message + operand), toNetworkOrder(0, 16)]
      case LOAD_U32:
        return [own, loadU32(0, FP, message + operand), toNetworkOrder(0, 32)]
      case IF_EQUAL:
        return [own, ifEqual32(0, operand | 0, next[0]), jump(next[1])]
      case IF_ANY_BIT:
        return [own, ifAnyBit32(0, operand | 0, next[0]), jump(next[1])]
      default:
        return [own, move(0, operand | 0), exit]
    }
  })
  return [...lines, label(place(instructions.length))]
}
