import type { Config } from '../config/config.ts'
import type { ApiAccess } from '../rest/access.ts'

/** Who is answered by the API of a daemon. */
export function accessOf(api: Config['api']): ApiAccess {
  const { host, token, tls, allowedHosts, unprotected, requestRate } = api
  return {
    token: token?.key ?? null,
    hosts: [...(host === null ? [] : [host]), ...allowedHosts],
    tls: tls && {
      certificate: tls.certificate.text,
      key: tls.key.text,
      clientCa: tls.clientCa?.text ?? null,
    },
    unprotected,
    requestRate,
  }
}
