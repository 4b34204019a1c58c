import { ipSuite } from './ip-suite.ts'
import { lateLab } from './memory-lab.ts'
import { dataplaneSuite } from './suite.ts'

dataplaneSuite('on a kernel that answers late', () => lateLab())
ipSuite('IP VPNs on a kernel that answers late', () => lateLab())
