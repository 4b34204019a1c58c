import type { AttachRequest } from './request.ts'
import type { Serial } from './serial.ts'

/**
 * Attaches when no other attach of the instance, or with an interface that the request names, is under way: that decides whether the port is joined to
 * an EVPN instance, which `join` tells, and which other instance has it.
 */
export async function attachInTurn(
  serial: Serial,
  request: AttachRequest,
  join: () => AttachRequest,
  attach: (joined: AttachRequest) => Promise<void>,
): Promise<void> {
  for (let isDone = false; !isDone; ) {
    const before = join()
    isDone = await serial.run(keysOf(request, before), async () => {
      const joined = join()
      // the other EVPN instance is to be left alone meanwhile, too
      if (targetOf(joined) !== targetOf(before)) return false
      await attach(joined)
      return true
    })
  }
}

function keysOf({ instanceId, port, linuxBridge }: AttachRequest, joined: AttachRequest): string[] {
  const interfaces = [port, linuxBridge].filter((name) => typeof name === 'string')
  const target = targetOf(joined)
  return [instanceId, ...(target === null ? [] : [target]), ...interfaces.map((name) => `interface ${name}`)]
}

/** The EVPN instance that the port is in. */
function targetOf({ port }: AttachRequest): string | null {
  return typeof port === 'string' ? null : port.evpn
}
