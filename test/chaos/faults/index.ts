import type { Fault } from '../fault.ts'
import { clock } from './clock.ts'
import { killed, signalled, stopped, unmarkedWhileDown } from './daemon.ts'
import { aliased, deleted, down, moved, renamed } from './devices.ts'
import { fullDisk, killedWithFullDisk } from './disk.ts'
import { entriesDeleted, entriesReplaced, strangeEntries } from './entries.ts'
import { linkLock, overrun } from './kernel.ts'
import { fewFiles } from './limits.ts'
import { memoryShort } from './memory.ts'
import { portDown, portOptions, portRenamed } from './ports.ts'
import { slowReaders, stalledLog } from './readers.ts'
import { reflectorKilled, reflectorStopped } from './reflector.ts'
import { secondDaemon } from './strangers.ts'
import { address, underlay } from './underlay.ts'

/** All there are. */
export const FAULTS: readonly Fault[] = [
  address,
  aliased,
  clock,
  deleted,
  down,
  entriesDeleted,
  entriesReplaced,
  fewFiles,
  fullDisk,
  killed,
  killedWithFullDisk,
  linkLock,
  memoryShort,
  moved,
  overrun,
  portDown,
  portOptions,
  portRenamed,
  reflectorKilled,
  reflectorStopped,
  renamed,
  secondDaemon,
  signalled,
  slowReaders,
  stalledLog,
  stopped,
  strangeEntries,
  underlay,
  unmarkedWhileDown,
]
