import { ANY_IPV4, ANY_IPV6 } from '../../../values/address.ts'
import type { VrfDevice } from '../../model.ts'
import { removeBagpipeRules } from '../bagpipe-vrfs.ts'
import * as k from '../constants.ts'
import { autoconfigured } from '../host-use.ts'
import { forwardsIpv6, keepRouterAdvertisements, vrfSettings } from '../sysctl.ts'
import type { DeviceTools, LinuxLinkDefinition } from './link-definition.ts'
import { unreachable } from './unreachable.ts'

/** A VRF device; routing rules are put in order for it. */
export const vrf: LinuxLinkDefinition<VrfDevice> = {
  kind: 'vrf',
  kernelKinds: new Map([['vrf', 'vrf']]),
  writeTraits: (writer, { table }) => writer.attributeU32(k.IFLA_VRF_TABLE, table),
  read(data, link) {
    while (data.next()) if (data.type === k.IFLA_VRF_TABLE) link.table = data.u32()
  },
  tune(entry, _link, tools) {
    close(entry, tools)
    const refusal = tools.rules.order()
    removeBagpipeRules(entry.device, tools.requests)
    return refusal
  },
  settingsOf: vrfSettings,
}

/** Makes nothing reachable in a VRF before ports enter it: packets that find no route there would use the main table. */
function close({ device, table }: VrfDevice, { requests, links }: DeviceTools): void {
  for (const prefix of [ANY_IPV4, ANY_IPV6]) {
    const nothing = { kind: 'unreachable', device, table, prefix, prefixLength: 0 } as const
    unreachable.encode?.(requests, nothing, { index: 0, vni: null }, () => 0)
  }
  requests.send() // each is wanted separately as well, and retried
  if (!forwardsIpv6()) for (const host of autoconfigured(links)) keepRouterAdvertisements(host)
}
