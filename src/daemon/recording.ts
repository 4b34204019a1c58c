import { systemClock } from '../clock.ts'
import type { EventBus } from '../events/event.ts'
import { FileSink } from '../log-output/file-sink.ts'
import { LogOutput } from '../log-output/log-output.ts'
import { Recorder } from '../record/recorder.ts'

/** Octets of a recording that wait to be written; lines beyond are dropped. */
const RECORDING_OCTETS = 64 * 2 ** 20

/** The recording of the daemon's input. */
export interface InputRecording
  extends Pick<Recorder, 'random' | 'transport' | 'dataplane' | 'attachments' | 'begin' | 'write'> {
  /** Waits until all is written, at most `patienceMs`. */
  flush(patienceMs: number): Promise<unknown>
}

/** Records nothing. */
const NO_RECORDING: InputRecording = {
  random: Math.random,
  transport: (of) => of,
  dataplane: (of) => of,
  attachments: (of) => of,
  begin: () => {},
  write: () => {},
  flush: async () => {},
}

/** Records into the file at `path`, and nothing where it is null. Throws when the file cannot be opened. */
export function openRecording(path: string | null, events: EventBus): InputRecording {
  if (path === null) return NO_RECORDING
  try {
    const output = new LogOutput(FileSink.openSync(path, { by: 'none' }), {
      path,
      maxQueuedOctets: RECORDING_OCTETS,
    })
    const recorder = new Recorder({ clock: systemClock, output, events })
    events.read(recorder.read)
    return {
      random: recorder.random,
      transport: (of) => recorder.transport(of),
      dataplane: (of) => recorder.dataplane(of),
      attachments: (of) => recorder.attachments(of),
      begin: (facts) => recorder.begin(facts),
      write: (event) => recorder.write(event),
      flush: (patienceMs) => output.flush(patienceMs),
    }
  } catch (error) {
    throw new Error(`the recording cannot be opened: ${error instanceof Error ? error.message : error}`)
  }
}
