import { ipSuite } from '../dataplane/ip-suite.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace } from '../kernel/namespace.ts'

enterOwnNamespace()

ipSuite('IP VPNs on Linux', linuxLab)
