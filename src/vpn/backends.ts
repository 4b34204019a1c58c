import type { BackendDependencies, VpnBackend } from './backend.ts'
import { LinuxBackend } from './linux/backend.ts'

/** The backend of both types of VPN; the dummy driver's names of devices are those of Linux. */
export function backendOf(dependencies: BackendDependencies): VpnBackend {
  return new LinuxBackend(dependencies)
}
