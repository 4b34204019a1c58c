import { systemClock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { NO_FORMER_WORK } from '../dataplane/driver.ts'
import type { FormerWork } from '../dataplane/model.ts'
import type { EventSink } from '../events/event.ts'
import { isThisKernel, kernelIdentity } from '../linux/kernel.ts'
import { formerWork } from '../vpn/linux/former-work.ts'
import type { Keep, SavedState, StateChange } from '../vpn/state.ts'
import { StateFile, type StateFileHealth } from '../vpn/state-file.ts'
import { isOverrun } from './overrun.ts'

export interface KeptState {
  readonly kernel: string
  readonly store: Pick<StateFile, 'save' | 'close'>
  /** Null without a state file. */
  readonly health: (() => StateFileHealth) | null
  readonly state: SavedState | null
  /** Of another boot or network namespace, or older than a run of bagpipe-bgp. */
  readonly former: SavedState | null
  /** What earlier processes did in this kernel. */
  readonly work: FormerWork
}

/** It takes the changes all the same: more and more would wait otherwise. */
const NO_STORE: KeptState['store'] = { save: async (take) => void take(), close: async () => {} }
const NOTHING_KEPT = { state: null, former: null, work: NO_FORMER_WORK }

/** The state file and its content; without forwarding in a kernel there is nothing to continue. */
export async function openState(config: Config, events: EventSink, fresh: boolean): Promise<KeptState> {
  const { stateFile } = config
  const kernel = kernelIdentity()
  if (stateFile === null || !config.usesKernel) {
    return { kernel, store: NO_STORE, health: null, ...NOTHING_KEPT }
  }
  const store = new StateFile(stateFile, systemClock, events)
  const health = () => store.health()
  const state = fresh ? null : store.load()
  if (state === null) return { kernel, store, health, ...NOTHING_KEPT }
  if (!isThisKernel(state.kernel)) {
    events.emit({ type: 'state-of-another-boot', file: stateFile })
    return { kernel, store, health, ...NOTHING_KEPT, former: state }
  }
  const work = formerWork(state)
  if (await isOverrun(state)) {
    events.emit({ type: 'state-of-before-bagpipe-bgp', file: stateFile })
    return { kernel, store, health, state: null, former: state, work }
  }
  const attachments = state.instances.reduce((sum, one) => sum + one.attachments.length, 0)
  const instances = state.instances.length
  events.emit({ type: 'state-restored', file: stateFile, instances, attachments })
  return { kernel, store, health, state, former: null, work }
}

/** Saves what has changed; each save calls both functions. */
export function keepState(
  { kernel, store }: KeptState,
  programs: () => readonly number[],
  vpnChanges: () => Iterable<StateChange>,
): Keep {
  const take = (): StateChange[] => [
    { kind: 'daemon', id: '', value: { kernel } },
    { kind: 'programs', id: '', value: programs() },
    ...vpnChanges(),
  ]
  return (durability) => store.save(take, durability)
}
