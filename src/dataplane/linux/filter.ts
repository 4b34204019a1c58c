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
