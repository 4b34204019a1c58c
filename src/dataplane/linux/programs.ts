import {
  add,
  and,
  assemble,
  call,
  copy,
  exit,
  FP,
  ifAtLeast,
  ifEqual,
  ifNotEqual,
  jump,
  type Line,
  label,
  loadU8,
  loadU16,
  loadU32,
  move,
  SKB_LOAD_BYTES,
  shiftLeft,
  storeImmediate,
  storeU32,
} from '../../linux/bpf/assembler.ts'
import { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP, type ProgramSource } from '../../linux/bpf/program.ts'
import { AF_INET, TC_ACT_SHOT } from './constants.ts'

const XDP_DROP = 1

/** For a bridge: drops the frames that it passes up to its host; forwarded frames do not pass here. */
export const dropFrames: ProgramSource = {
  type: BPF_PROG_TYPE_XDP,
  name: 'chanter_drop',
  instructions: assemble([move(0, XDP_DROP), exit]),
}

/** As `dropFrames`, by tc: generic XDP lets a frame pass that a container has redirected by tc and nf_tables of its own. */
export const dropRedirected: ProgramSource = {
  type: BPF_PROG_TYPE_SCHED_CLS,
  name: 'chanter_drop_tc',
  instructions: assemble([move(0, TC_ACT_SHOT), exit]),
}

const TC_ACT_UNSPEC = -1
const FIB_LOOKUP = 69
const FIB_LOOKUP_DIRECT = 1
const RET_NOT_FWDED = 4

/** Fields of struct __sk_buff. */
const PROTOCOL = 16
const IFINDEX = 40
/** EtherType as a little-endian host reads it. */
const IPV4 = 0x0008
const ETHERNET = 14
const IPV4_HEADER = 20
const ICMP = 1
/** Destination unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792). */
const ICMP_ERRORS = [3, 4, 5, 11, 12]
const FIRST_MULTICAST = 224
/** Fragment offset of an IPv4 header, as a little-endian host reads it. */
const FRAGMENT_OFFSET = 0xff1f

/** Positions on the stack. */
const HEADER = -24
const TYPE = -32
const PARAMETERS = -96
const PARAMETERS_BYTES = 64

/** Fields of struct bpf_fib_lookup. */
const PARAMETER = { ifindex: 8, source: 16, destination: 32 }

const CONTEXT = 6

/** Copies octets of the packet onto the stack, from the offset in register 2. */
function load(to: number, octets: number): Line[] {
  return [
    copy(1, CONTEXT),
    copy(3, FP),
    add(3, to),
    move(4, octets),
    call(SKB_LOAD_BYTES),
    ifNotEqual(0, 0, 'pass'),
  ]
}

/** Whether the VRF would accept the packet as its own: by its own table, whatever the order of the rules is. */
function dropIfLocal(): Line[] {
  const lines: Line[] = []
  for (let at = 0; at < PARAMETERS_BYTES; at += 8) lines.push(storeImmediate(FP, PARAMETERS + at, 0))
  return [
    ...lines,
    storeImmediate(FP, PARAMETERS, AF_INET),
    loadU32(1, CONTEXT, IFINDEX),
    storeU32(FP, PARAMETERS + PARAMETER.ifindex, 1),
    loadU32(1, FP, HEADER + 12),
    storeU32(FP, PARAMETERS + PARAMETER.source, 1),
    loadU32(1, FP, HEADER + 16),
    storeU32(FP, PARAMETERS + PARAMETER.destination, 1),
    copy(1, CONTEXT),
    copy(2, FP),
    add(2, PARAMETERS),
    move(3, PARAMETERS_BYTES),
    move(4, FIB_LOOKUP_DIRECT),
    call(FIB_LOOKUP),
    ifEqual(0, RET_NOT_FWDED, 'drop'),
    jump('pass'),
  ]
}

/**
 * For a port of a VRF: drops ICMP errors for the node itself, to a gateway, broadcast or multicast address. Linux looks up
 * the packet that they quote outside of the VRF (icmp_err), and would lower the path MTU of the underlay. Those for other hosts are forwarded.
 * For ICMPv6 it uses the VRF alone.
 */
export const dropLocalErrors: ProgramSource = {
  type: BPF_PROG_TYPE_SCHED_CLS,
  name: 'chanter_icmp',
  instructions: assemble([
    copy(CONTEXT, 1),
    loadU32(7, CONTEXT, PROTOCOL),
    ifEqual(7, IPV4, 'ipv4'),
    label('pass'),
    move(0, TC_ACT_UNSPEC),
    exit,
    label('drop'),
    move(0, TC_ACT_SHOT),
    exit,

    label('ipv4'),
    move(2, ETHERNET),
    ...load(HEADER, IPV4_HEADER),
    loadU8(1, FP, HEADER + 9),
    ifNotEqual(1, ICMP, 'pass'),
    loadU16(1, FP, HEADER + 6),
    and(1, FRAGMENT_OFFSET),
    ifNotEqual(1, 0, 'pass'),
    loadU8(2, FP, HEADER),
    and(2, 0xf),
    shiftLeft(2, 2),
    add(2, ETHERNET),
    ...load(TYPE, 1),
    loadU8(1, FP, TYPE),
    ...ICMP_ERRORS.map((type) => ifEqual(1, type, 'error')),
    jump('pass'),
    label('error'),
    loadU8(1, FP, HEADER + 16),
    ifAtLeast(1, FIRST_MULTICAST, 'drop'),
    ...dropIfLocal(),
  ]),
}
