import { isLoopback } from '../values/address.ts'
import { UNPROTECTED } from './api-options.ts'
import type { Settings } from './schema.ts'

type ApiOptions = Settings['API']

/** An option of [API] that contradicts others, and what to write instead. */
export interface ApiFault {
  readonly code: 'wrong-value' | 'unprotected-api'
  readonly option: keyof ApiOptions
  readonly reason: string
}

/** Why a daemon must not start with these options; undefined where it may. */
export function apiFault(API: ApiOptions): ApiFault | undefined {
  const { host, tls_cert_file: certificate, tls_key_file: key, tls_client_ca_file: clientCa } = API
  if (host === null && API.socket === null)
    return { code: 'wrong-value', option: 'host', reason: 'without an address the API needs `socket`' }
  if (certificate !== null && key === null)
    return { code: 'wrong-value', option: 'tls_cert_file', reason: 'a certificate needs `tls_key_file`' }
  if (certificate === null && key !== null)
    return { code: 'wrong-value', option: 'tls_key_file', reason: 'TLS needs `tls_cert_file`' }
  if (certificate === null && clientCa !== null)
    return {
      code: 'wrong-value',
      option: 'tls_client_ca_file',
      reason: 'TLS needs `tls_cert_file` and `tls_key_file`',
    }
  if (isProtected(API)) return undefined
  return {
    code: 'unprotected-api',
    option: 'host',
    reason: `anyone who reaches this address could reconfigure the node. For the agents of this machine alone write host = 127.0.0.1; for others set token_file, or tls_client_ca_file with a certificate; to allow it to anyone write unprotected = ${UNPROTECTED}`,
  }
}

function isProtected({ host, token_file: token, tls_client_ca_file: clientCa, unprotected }: ApiOptions) {
  const isLocal = host === null || host === 'localhost' || isLoopback(host)
  return isLocal || token !== null || clientCa !== null || unprotected !== 'no'
}
