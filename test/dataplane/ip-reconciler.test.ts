import { ipSuite } from './ip-suite.ts'
import { memoryLab } from './memory-lab.ts'

ipSuite('IP VPNs on a kernel in memory', memoryLab)
