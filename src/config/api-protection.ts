import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { isLoopback } from '../values/address.ts'
import { UNPROTECTED } from './api-options.ts'
import type { PemFile } from './pem-file.ts'
import type { Settings } from './schema.ts'

type ApiOptions = Settings['API']

/** An option of [API] that contradicts others, and what to write instead. */
export interface ApiFault {
  readonly severity: 'error' | 'warning'
  readonly code: 'wrong-value' | 'unprotected-api'
  readonly option: keyof ApiOptions
  readonly reason: string
}

/** What is wrong with these options; undefined for nothing. */
export function apiFault(API: ApiOptions): ApiFault | undefined {
  const { host, tls_cert_file: certificate, tls_key_file: key, tls_client_ca_file: clientCa } = API
  if (host === null && API.socket === null)
    return contradiction('host', 'without an address the API needs `socket`')
  if (certificate !== null && key === null)
    return contradiction('tls_cert_file', 'a certificate needs `tls_key_file`')
  if (certificate === null && key !== null) return contradiction('tls_key_file', 'TLS needs `tls_cert_file`')
  if (certificate === null && clientCa !== null)
    return contradiction('tls_client_ca_file', 'TLS needs `tls_cert_file` and `tls_key_file`')
  if (certificate !== null && key !== null) {
    const reason = tlsFault(certificate, key)
    if (reason !== undefined) return contradiction('tls_cert_file', reason)
  }
  if (clientCa !== null) {
    const reason = caFault(clientCa)
    if (reason !== undefined) return contradiction('tls_client_ca_file', reason)
  }
  if (isProtected(API)) return undefined
  return {
    severity: 'warning',
    code: 'unprotected-api',
    option: 'host',
    reason: `clients on other machines are refused, since anyone could reconfigure the node. For the agents of this machine alone write host = 127.0.0.1; for others set token_file, or tls_client_ca_file with a certificate; to allow it to anyone write unprotected = ${UNPROTECTED}`,
  }
}

function contradiction(option: ApiFault['option'], reason: string): ApiFault {
  return { severity: 'error', code: 'wrong-value', option, reason }
}

function tlsFault(certificate: PemFile, key: PemFile): string | undefined {
  try {
    createSecureContext({ cert: certificate.text, key: key.text })
    return undefined
  } catch (error) {
    return `cannot be used with tls_key_file ${key}: ${(error as Error).message}`
  }
}

function caFault(clientCa: PemFile): string | undefined {
  try {
    new X509Certificate(clientCa.text)
    return undefined
  } catch (error) {
    return `holds no certificate: ${(error as Error).message}`
  }
}

function isProtected({ host, token_file: token, tls_client_ca_file: clientCa, unprotected }: ApiOptions) {
  const isLocal = host === null || host === 'localhost' || isLoopback(host)
  return isLocal || token !== null || clientCa !== null || unprotected !== 'no'
}
