import type { LogRecord, LogSubject } from '../../recent-log.ts'
import { formatLogTime } from '../../values/time.ts'
import { leaf, type Node } from './tree.ts'

/** The latest warnings and errors, newest first: all, or those about any of the subjects. */
export type RecentRecords = (about?: readonly LogSubject[]) => readonly LogRecord[]

/** The `logs` of an object; `about` is called for each answer. */
export function logsNode(records: RecentRecords, about?: () => readonly LogSubject[]): Node {
  return leaf(() => records(about?.()).map((record) => ({ ...record, time: formatLogTime(record.time) })))
}
