import { PersistentClock, systemClock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { type Forwarding, kernelForwarding, localForwarding } from '../dataplane/forwarding.ts'
import { LinuxDriver } from '../dataplane/linux/driver.ts'
import { MemoryDriver } from '../dataplane/memory/driver.ts'
import type { Dataplane, FormerWork } from '../dataplane/model.ts'
import { type EventSink, errorOf } from '../events/event.ts'
import { Dataplanes } from '../vpn/dataplanes.ts'
import { isOwnedName } from '../vpn/linux/names.ts'

/** The forwarding of both types of VPN. */
export interface NodeForwarding
  extends Pick<Forwarding, 'view' | 'programs' | 'start' | 'complete' | 'setResync' | 'stop'> {
  /** The dataplane of each type; each goes through `wrap` once. */
  dataplanes(wrap: (dataplane: Dataplane) => Dataplane): Dataplanes
}

/** Opens what the drivers of the configuration need: a loop for both types, or one for each. Starts nothing. */
export function openForwarding(config: Config, events: EventSink, former: FormerWork): NodeForwarding {
  const main = openMain(config, events, former)
  const dummy = openDummy(config, events)
  return {
    view: main.view,
    programs: () => main.programs(),
    dataplanes: (wrap) =>
      dataplanesOf(config, wrap(main.dataplane), dummy === null ? null : wrap(dummy.dataplane)),
    start() {
      main.start()
      dummy?.start()
    },
    complete() {
      main.complete()
      dummy?.complete()
    },
    setResync: (ms) => main.setResync(ms),
    async stop() {
      await main.stop()
      await dummy?.stop()
    },
  }
}

function openMain(
  { usesKernel, ipvpn, resyncSeconds, forwardingThread }: Config,
  events: EventSink,
  former: FormerWork,
): Forwarding {
  if (!usesKernel) return inMemory(events, ipvpn.ranges.vrfPrefix)
  const { managesRules } = ipvpn
  const resyncMs = resyncSeconds * 1000
  if (!forwardingThread) {
    const clock = loopClock(events)
    const driver = new LinuxDriver({ clock, former, managesRules })
    return localForwarding({ clock, events, driver, resyncMs })
  }
  const died = (reason: string) => {
    throw new Error(reason)
  }
  return kernelForwarding({ clock: systemClock, events, former, managesRules, resyncMs, died })
}

/** The dummy driver of one type beside the kernel driver of the other; null where both are the same. */
function openDummy({ evpn, ipvpn }: Config, events: EventSink): Forwarding | null {
  for (const [vpn, { driver }] of Object.entries({ evpn, ipvpn }))
    if (driver === 'dummy') events.emit({ type: 'dummy-driver', vpn })
  return evpn.driver === ipvpn.driver ? null : inMemory(events, ipvpn.ranges.vrfPrefix)
}

function inMemory(events: EventSink, vrfPrefix: string): Forwarding {
  const clock = loopClock(events)
  const driver = new MemoryDriver(clock, { pretend: (name) => !isOwnedName(name, vrfPrefix) })
  return localForwarding({ clock, events, driver })
}

const loopClock = (events: EventSink) =>
  new PersistentClock(systemClock, (error) => events.emit({ type: 'loop-failed', error: errorOf(error) }))

function dataplanesOf({ evpn }: Config, dataplane: Dataplane, dummy: Dataplane | null): Dataplanes {
  if (dummy === null) return Dataplanes.shared(dataplane)
  return evpn.driver === 'linux'
    ? new Dataplanes({ evpn: dataplane, ipvpn: dummy }, 'evpn')
    : new Dataplanes({ evpn: dummy, ipvpn: dataplane }, 'ipvpn')
}
