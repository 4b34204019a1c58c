import { API_HOST, API_PORT } from './api-address.ts'
import { option } from './option.ts'
import {
  fileMode,
  host,
  InvalidValue,
  integer,
  listOf,
  oneOf,
  orNone,
  pemFile,
  port,
  type Type,
  tokenFile,
} from './types.ts'

/** As long as the system takes them. */
const socketPath: Type<string> = {
  allowed: 'a path of 1 to 107 octets',
  parse(value) {
    if (value === '' || Buffer.byteLength(value) > 107) throw new InvalidValue()
    return value
  },
}

const group: Type<string> = {
  allowed: 'the name or number of a group',
  parse(value) {
    if (!/^[^\s:]+$/.test(value)) throw new InvalidValue()
    return value
  },
}

/** The value of `[API] unprotected` for an API that the network can use without any credential. */
export const UNPROTECTED = 'yes-anyone-may-reconfigure-this-node'

/** Requests that a client on another machine may send in a second. */
export const DEFAULT_REQUEST_RATE = 100

/** The options of [API]. */
export const API_OPTIONS = {
  host: option(
    orNone(host),
    API_HOST,
    'Address on which the REST API listens; none: on `socket` alone. On any other than a loopback address, clients on other machines are answered with `token_file`, `tls_client_ca_file` or `unprotected` alone (docs/security.md).',
    { aliases: ['api_host'] },
  ),
  port: option(port, API_PORT, 'Port on which the REST API listens.', { aliases: ['api_port'] }),
  socket: option(
    orNone(socketPath),
    null,
    'Path of a Unix socket on which the REST API listens too, for the accounts that `socket_mode` and `socket_group` let in.',
  ),
  socket_mode: option(fileMode, 0o660, 'Mode of `socket`.'),
  socket_group: option(orNone(group), null, 'Group of `socket`; that of the daemon when not given.'),
  token_file: option(
    orNone(tokenFile),
    null,
    'File with the bearer token (RFC 6750) that clients present which do not connect from a loopback address.',
  ),
  tls_cert_file: option(
    orNone(pemFile),
    null,
    'File with our certificate and its chain (PEM): clients that do not connect from a loopback address must use TLS.',
  ),
  tls_key_file: option(orNone(pemFile), null, 'File with the key of our certificate (PEM).'),
  tls_client_ca_file: option(
    orNone(pemFile),
    null,
    'File with the CAs (PEM) whose client certificates are accepted; with `token_file`, a token will do as well.',
  ),
  allowed_hosts: option(
    listOf(host, 'names of hosts, separated by commas'),
    [],
    'Names in Host headers that are accepted beside IP addresses, `localhost`, `host` and the name of this machine, without a token or certificate.',
  ),
  request_rate: option(
    integer(0, 1_000_000),
    DEFAULT_REQUEST_RATE,
    'Requests that a client on another machine may send in a second, and ten times as many at once; more are answered 429. 0: no limit.',
  ),
  unprotected: option(
    oneOf('no', UNPROTECTED),
    'no',
    `\`${UNPROTECTED}\`: clients on other machines are answered without a token or client certificates.`,
  ),
} as const
