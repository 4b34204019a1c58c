import type { HeldSetting } from '../model.ts'
import { type Refusal, reworded } from '../refusal.ts'
import * as k from './constants.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'

const FAMILIES = [k.AF_INET, k.AF_INET6] as const
type RuleFamily = (typeof FAMILIES)[number]

/** The errno where there is no IPv6. */
const NOTHING = [k.EAFNOSUPPORT, k.EOPNOTSUPP]

interface Rule {
  readonly priority: number
  readonly table: number
  readonly isL3mdev: boolean
  readonly isOurs: boolean
}

/**
 * The node's routing rules. By default its own addresses (`lookup local`, priority 0) are looked up before VRFs (`l3mdev`, priority 1000), so
 * that they are reachable from any VRF, and no VRF can have them itself (Documentation/networking/vrf.rst).
 */
export class Rules {
  /** Whether the configuration allows changing them. */
  readonly areManaged: boolean
  private readonly requests: Requests
  private wereOrdered: boolean | null = null

  constructor(requests: Requests, areManaged: boolean) {
    this.requests = requests
    this.areManaged = areManaged
  }

  /** Whether VRFs are looked up first, in both families. */
  areOrdered(): boolean {
    return FAMILIES.every((family) => isOrdered(rulesOf(family)))
  }

  /** Whether there is no work left. */
  get areDone(): boolean {
    return !this.areManaged || this.areOrdered()
  }

  /** As a node setting, for people. */
  held(): HeldSetting {
    const isOrdered = this.areOrdered()
    const before = this.wereOrdered ?? isOrdered
    return {
      name: 'ip rule l3mdev before local',
      value: Number(isOrdered),
      before: Number(before),
      fits: isOrdered,
    }
  }

  /** Puts the lookup of VRFs first, and moves no other rule; returns why that was refused, if it was. */
  order(): Refusal | null {
    if (this.areDone) return null
    this.wereOrdered ??= false
    for (const family of FAMILIES) {
      const rules = rulesOf(family)
      if (isOrdered(rules)) continue
      const { priority } = rules.find(isLocal)!
      this.add(family, { isL3mdev: true, table: k.RT_TABLE_UNSPEC, priority: Math.max(priority - 1, 0) })
      if (priority === 0) {
        // rules of one priority stand in the order of their creation
        this.add(family, { isL3mdev: false, table: k.RT_TABLE_LOCAL, priority })
        this.remove(family, { isL3mdev: false, table: k.RT_TABLE_LOCAL, isOurs: false })
      }
      for (const refusal of this.requests.send().values())
        return reworded(refusal, (text) => `ip rule: ${text}`)
    }
    return null
  }

  /** Removes the owned rules for VRFs, and puts the one for the node's own addresses back where it is by default. */
  restore(): void {
    if (!this.areManaged) return
    for (const family of FAMILIES) {
      for (const { isL3mdev, isOurs } of rulesOf(family))
        if (isL3mdev && isOurs) this.remove(family, { isL3mdev, table: k.RT_TABLE_UNSPEC, isOurs })
    }
    this.requests.send()
  }

  private add(family: RuleFamily, { isL3mdev, table, priority }: Omit<Rule, 'isOurs'>): void {
    this.requests.begin(k.RTM_NEWRULE, k.NLM_F_CREATE)
    this.write(family, { isL3mdev, table, isOurs: true })
    this.requests.writer.attributeU32(k.FRA_PRIORITY, priority)
    this.requests.end()
  }

  /** Removes the first of such rules. */
  private remove(family: RuleFamily, rule: Omit<Rule, 'priority'>): void {
    this.requests.begin(k.RTM_DELRULE, 0)
    this.write(family, rule)
    this.requests.end()
  }

  private write(family: RuleFamily, { isL3mdev, table, isOurs }: Omit<Rule, 'priority'>): void {
    const { writer } = this.requests
    writer.u32(family)
    writer.u32(table | (k.FR_ACT_TO_TBL << 24))
    writer.u32(0)
    if (isL3mdev) writer.attributeU8(k.FRA_L3MDEV, 1)
    if (isOurs) writer.attributeU8(k.FRA_PROTOCOL, k.PROTOCOL)
  }
}

const isLocal = ({ table }: Rule): boolean => table === k.RT_TABLE_LOCAL

function isOrdered(rules: readonly Rule[]): boolean {
  const local = rules.findIndex(isLocal)
  const vrfs = rules.findIndex(({ isL3mdev }) => isL3mdev)
  return local < 0 || (vrfs >= 0 && vrfs < local)
}

/** In the order in which the kernel evaluates them. */
function rulesOf(family: RuleFamily): Rule[] {
  const rules: Rule[] = []
  const visit = (message: NetlinkMessage) => rules.push(readRule(message))
  const write = (writer: NetlinkWriter) => {
    writer.u32(family)
    writer.u32(0)
    writer.u32(0)
  }
  exhaust(dump({ type: k.RTM_GETRULE, write, visit, nothing: NOTHING }))
  return rules
}

function readRule({ bytes, start, end }: NetlinkMessage): Rule {
  let table = bytes.readUInt8(start + 4)
  let priority = 0
  let isL3mdev = false
  let protocol = 0
  const attributes = new NetlinkAttributes(bytes, start + k.FIB_RULE_HDR_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.FRA_PRIORITY) priority = attributes.u32()
    else if (attributes.type === k.FRA_TABLE) table = attributes.u32()
    else if (attributes.type === k.FRA_L3MDEV) isL3mdev = attributes.u8() !== 0
    else if (attributes.type === k.FRA_PROTOCOL) protocol = attributes.u8()
  }
  return { priority, table, isL3mdev, isOurs: protocol === k.PROTOCOL }
}
