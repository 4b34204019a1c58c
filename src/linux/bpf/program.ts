import { addressOf, close, syscall } from '../libc.ts'

/** The system call number of bpf(2), by Node's name of the architecture. */
const SYS_BPF: Readonly<Record<string, number>> = {
  x64: 321,
  ia32: 357,
  arm: 386,
  arm64: 280,
  loong64: 280,
  ppc64: 361,
  riscv64: 280,
  s390x: 351,
}
const ENOSYS = 38

const BPF_PROG_LOAD = 5
const BPF_PROG_GET_FD_BY_ID = 13
const BPF_OBJ_GET_INFO_BY_FD = 15
const ATTRIBUTE_BYTES = 72
const INFO_BYTES = 80
const INFO_NAME = 64
const NAME_BYTES = 16
/** Our programs call helpers that require this licence. */
const LICENCE = Buffer.from('Dual BSD/GPL\0')

export const BPF_PROG_TYPE_SOCKET_FILTER = 1
export const BPF_PROG_TYPE_SCHED_CLS = 3
export const BPF_PROG_TYPE_XDP = 6

export interface ProgramSource {
  readonly type: number
  /** Its name in `bpftool prog`: up to 15 letters, digits, dots and underscores. */
  readonly name: string
  /** From `assemble`. */
  readonly instructions: Uint8Array
}

/** A loaded program; it stays in the kernel while its `fd` is open or it is attached to an interface. */
export interface Program {
  readonly fd: number
  readonly id: number
}

/** Loads a program; the negated errno where the kernel refuses it. Needs CAP_BPF, and CAP_NET_ADMIN unless it is a socket filter, or CAP_SYS_ADMIN. */
export function loadProgram({ type, name, instructions }: ProgramSource): Program | number {
  const attribute = Buffer.alloc(ATTRIBUTE_BYTES)
  attribute.writeUInt32LE(type, 0)
  attribute.writeUInt32LE(instructions.length / 8, 4)
  attribute.writeBigUInt64LE(addressOf(instructions), 8)
  attribute.writeBigUInt64LE(addressOf(LICENCE), 16)
  attribute.write(name, 48, NAME_BYTES - 1)
  const fd = bpf(BPF_PROG_LOAD, attribute)
  if (fd < 0) return fd
  const info = infoOf(fd)
  if (info !== undefined) return { fd, id: info.id }
  close(fd)
  return -ENOSYS
}

/** The name of the program with that id; null without permission (CAP_SYS_ADMIN), or where there is none. */
export function programName(id: number): string | null {
  const attribute = Buffer.alloc(12)
  attribute.writeUInt32LE(id, 0)
  const fd = bpf(BPF_PROG_GET_FD_BY_ID, attribute)
  if (fd < 0) return null
  const info = infoOf(fd)
  close(fd)
  return info?.name ?? null
}

function infoOf(fd: number): { readonly id: number; readonly name: string } | undefined {
  const info = Buffer.alloc(INFO_BYTES)
  const attribute = Buffer.alloc(16)
  attribute.writeUInt32LE(fd, 0)
  attribute.writeUInt32LE(INFO_BYTES, 4)
  attribute.writeBigUInt64LE(addressOf(info), 8)
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, attribute) < 0) return undefined
  const name = info.toString('latin1', INFO_NAME, INFO_NAME + NAME_BYTES).replace(/\0.*$/s, '')
  return { id: info.readUInt32LE(4), name }
}

/** The system call bpf(2): its result, or the negated errno. */
export function bpf(command: number, attribute: Uint8Array): number {
  const number = SYS_BPF[process.arch]
  return number === undefined ? -ENOSYS : syscall(number, command, attribute, attribute.length)
}
