import type { MplsInterface } from '../../model.ts'
import { fits, mplsInput } from '../sysctl.ts'
import type { LinuxDefinition } from './definition.ts'

/** `net.mpls.conf.<device>.input`. */
export const mplsInterface: LinuxDefinition<MplsInterface> = {
  kind: 'mpls-interface',
  set: (_entry, { name, index }, { sysctls }) => sysctls.apply(mplsInput(name), index),
  remove(_entry, { name, index }, { sysctls }) {
    sysctls.undo(mplsInput(name), index)
    return null
  },
  settingsFor: ({ device }) => mplsInput(device),
  *dump({ name }) {
    if (fits(mplsInput(name))) yield [{ entry: { kind: 'mpls-interface', device: name }, marked: false }]
  },
}
