import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config/config.ts'
import type { ApiAccess, ServerTls } from '../rest/access.ts'
import { pathReason } from '../values/path-reason.ts'

/** Reads the certificates. Throws where that fails; the message names the option. */
export function accessOf({ host, token, tls, allowedHosts, unprotected }: Config['api']): ApiAccess {
  const own = hostname()
  const hosts = [own, own.split('.')[0] ?? own, ...(host === null ? [] : [host]), ...allowedHosts]
  return { token: token?.key ?? null, hosts, tls: tls === null ? null : readTls(tls), unprotected }
}

function readTls({ certificate, key, clientCa }: NonNullable<Config['api']['tls']>): ServerTls {
  const pem = {
    certificate: readPem('tls_cert_file', certificate),
    key: readPem('tls_key_file', key),
    clientCa: clientCa === null ? null : readPem('tls_client_ca_file', clientCa),
  }
  try {
    createSecureContext({
      cert: pem.certificate,
      key: pem.key,
      ...(pem.clientCa ? { ca: pem.clientCa } : {}),
    })
  } catch (error) {
    throw new Error(
      `[API] tls_cert_file ${certificate} and tls_key_file ${key} cannot be used: ${(error as Error).message}`,
    )
  }
  return pem
}

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`[API] ${option} cannot be read: ${pathReason(error)}`)
  }
}
