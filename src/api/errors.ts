import * as z from 'zod'
import type { RefusalCode } from '../dataplane/model.ts'

/** The meaning of an error code. */
export interface ErrorKind {
  /** HTTP status of the answer. */
  readonly status: number
  /** The general problem; the description in the answer has the details. */
  readonly words: string
}

/** Why a driver refuses entries; 400 is for errors that persist until the machine or the request is changed. */
const REFUSALS = {
  ANSWER_LOST: { status: 500, words: "the kernel's answer was lost" },
  BRIDGE_IN_USE: { status: 400, words: 'the bridge has other ports' },
  DRIFTED: { status: 500, words: 'another program changes the entry again and again' },
  INTERFACE_BUSY: { status: 400, words: 'another interface or program receives the frames of the interface' },
  INTERFACE_DOWN: { status: 400, words: 'an interface that is needed is down (ENETDOWN)' },
  INTERFACE_ENSLAVED: { status: 400, words: 'the interface is in another bridge or VRF' },
  INTERFACE_EXISTS: { status: 400, words: 'an interface of that name exists' },
  INTERFACE_EXTERNAL: { status: 400, words: 'an interface of that name exists and is not owned by chanter' },
  INTERFACE_MISSING: { status: 400, words: 'the interface does not exist' },
  IPV6_DISABLED: { status: 400, words: 'IPv6 is disabled on the interface' },
  KERNEL_ADDRESS_IN_USE: { status: 500, words: 'the kernel answered EADDRINUSE' },
  KERNEL_EXISTS: { status: 500, words: 'the kernel answered EEXIST' },
  KERNEL_REFUSED: { status: 500, words: 'the kernel refused the entry' },
  KERNEL_UNSUPPORTED: { status: 400, words: 'the kernel does not support the entry (EOPNOTSUPP)' },
  MAC_OF_HOST: { status: 400, words: 'the MAC address belongs to the host' },
  NO_BRIDGE_PORT: { status: 400, words: 'the interface is in no bridge' },
  NO_FOU: { status: 400, words: 'the kernel has no FOU' },
  NO_MPLS: { status: 400, words: 'the kernel has no MPLS' },
  NO_VRF: { status: 400, words: 'the interface is no VRF' },
  SETTING_REFUSED: { status: 500, words: 'a setting below /proc/sys cannot be changed' },
  UNREADABLE: { status: 500, words: 'the entries of the device cannot be read' },
} as const satisfies Record<RefusalCode, ErrorKind>

/** All errors of the API, by their code, which is stable while texts may change. */
export const ERRORS = {
  BODY_NOT_JSON: { status: 400, words: 'the body is not JSON' },
  BODY_NOT_OBJECT: { status: 400, words: 'the body is no JSON object' },
  BODY_TOO_DEEP: { status: 400, words: 'the body is nested too deeply' },
  BODY_TOO_LARGE: { status: 413, words: 'the body is too large' },
  CLIENT_REFUSED: { status: 403, words: 'the client is on another machine' },
  CONFIG_INVALID: { status: 409, words: 'the configuration cannot be used; nothing was changed' },
  NOT_READY: { status: 503, words: 'the daemon is not ready' },
  ENDPOINT_CONFLICT: { status: 400, words: 'the MAC or IP address is bound to another port or MAC address' },
  ENDPOINT_UNKNOWN: { status: 400, words: 'there is no such endpoint' },
  HEADERS_TOO_LARGE: { status: 431, words: 'the header of the request is too large' },
  HOST_REFUSED: { status: 403, words: 'the Host header is no address or name of this node' },
  INSTANCE_NOT_FOUND: { status: 404, words: 'there is no such VPN instance' },
  INSTANCE_TYPE_CONFLICT: { status: 400, words: 'the VPN instance is of another type' },
  INSTANCE_UNKNOWN: { status: 400, words: 'there is no such VPN instance' },
  INTERNAL: { status: 500, words: 'an internal error; the log of the daemon has the details' },
  LINUXBR_UNUSABLE: { status: 400, words: 'the bridge cannot be used' },
  METHOD_NOT_ALLOWED: { status: 405, words: 'the resource does not take the method' },
  NOT_ISOLATED: { status: 400, words: 'the bridge cannot be isolated from the host' },
  NUMBERS_EXHAUSTED: { status: 500, words: 'all labels, VNIs, route distinguishers or tables are taken' },
  ORIGIN_REFUSED: { status: 403, words: 'a page of another site sent the request' },
  PARAMETER_INVALID: { status: 400, words: 'a parameter has a value that is not allowed' },
  PARAMETER_MISSING: { status: 400, words: 'a parameter is missing' },
  PARAMETER_UNKNOWN: { status: 400, words: 'there is no such parameter' },
  PARAMETER_UNSUPPORTED: { status: 400, words: 'the parameter is not supported by this version' },
  PATH_INVALID: { status: 400, words: 'the path is not valid percent-encoding' },
  PATH_TOO_LONG: { status: 414, words: 'a part of the path is too long' },
  PEER_DISABLED: { status: 409, words: 'the peer is disabled' },
  PEER_NOT_ESTABLISHED: { status: 409, words: 'there is no session with the peer' },
  PEER_NOT_FOUND: { status: 404, words: 'there is no such peer' },
  PORT_CONFLICT: { status: 400, words: 'the port is attached in a way that excludes this' },
  PORT_UNUSABLE: { status: 400, words: 'the interface cannot be a port' },
  REFRESH_UNSUPPORTED: { status: 409, words: 'the peer does not support route refresh' },
  REQUEST_TIMEOUT: { status: 408, words: 'the request came too slowly' },
  REQUEST_UNREADABLE: { status: 400, words: 'the request is not valid HTTP' },
  RESOURCE_NOT_FOUND: { status: 404, words: 'there is no such resource' },
  TOO_MANY_CONNECTIONS: { status: 503, words: 'the API has too many connections' },
  TOO_MANY_REQUESTS: { status: 429, words: 'the client sends too many requests' },
  UNAUTHORIZED: { status: 401, words: 'the request has no token or client certificate' },
  UDP_PORT_IN_USE: { status: 400, words: 'the UDP port of VXLAN is in use' },
  VNI_CONFLICT: { status: 400, words: 'the VNI is in use' },
  VPN_TYPE_UNAVAILABLE: { status: 400, words: 'this node cannot serve VPNs of that type' },
  ...REFUSALS,
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** The body of every answer that is not 200; `code` is as in bagpipe-bgp. */
export const errorAnswer = z.strictObject({
  code: z.int().describe('HTTP status'),
  title: z.string(),
  description: z.string().describe('what is wrong, what is expected, and what to do'),
  error_code: z.enum(Object.keys(ERRORS) as ErrorCode[]).describe('stays as it is when words change'),
})
export type ErrorAnswer = z.infer<typeof errorAnswer>

/** A refused request; nothing was changed. The message is for people: the error, the expected value, and the remedy. */
export class RequestError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
