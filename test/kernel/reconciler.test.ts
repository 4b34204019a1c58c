import { dataplaneSuite } from '../dataplane/suite.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace } from './namespace.ts'

enterOwnNamespace()

dataplaneSuite('on Linux', linuxLab)
